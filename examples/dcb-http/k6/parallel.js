// Twenty writers append at once, each bound to a context of its own: no condition fails because of
// somebody else's events.
import { check } from 'k6';

import { append, read } from './api.js';

export const options = {
  scenarios: { writers: { executor: 'constant-vus', vus: 20, duration: __ENV.DURATION || '10s' } },
  thresholds: { http_req_failed: ['rate==0'], checks: ['rate==1'], iterations: ['count>0'] },
};

const run = Math.random().toString(36).slice(2);
let after = 0;

export default function () {
  const mine = { items: [{ types: ['Counted'], tags: [`writer:${__VU}`, `run:${run}`] }] };
  const holds = append([{ type: 'Counted', tags: mine.items[0].tags, data: '' }], {
    failIfEventsMatch: mine,
    after,
  });
  check(null, { 'no stranger breaks a condition': () => holds });
  after = read(mine, { backwards: true, limit: 1 })[0].position;
}
