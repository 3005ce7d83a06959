// Ten writers append while ten readers follow the log: what a reader sees only ever grows at its
// end, without gaps, and nothing appears behind what was read before.
import { check } from 'k6';
import { Counter } from 'k6/metrics';

import { append, read } from './api.js';

const duration = __ENV.DURATION || '10s';
const followed = new Counter('events_followed');

export const options = {
  scenarios: {
    writers: { executor: 'constant-vus', vus: 10, duration, exec: 'write' },
    readers: { executor: 'constant-vus', vus: 10, duration, exec: 'follow' },
  },
  thresholds: { http_req_failed: ['rate==0'], checks: ['rate==1'], events_followed: ['count>0'] },
};

export function write() {
  const size = 1 + Math.floor(Math.random() * 3);
  append(Array.from({ length: size }, () => ({ type: 'Counted', tags: [`vu:${__VU}`], data: '' })));
}

let last; // of this reader

export function follow() {
  if (last === undefined) {
    const newest = read({ items: [] }, { backwards: true, limit: 1 });
    last = newest.length > 0 ? newest[0].position : 0;
  }
  const before = last;
  const events = read({ items: [] }, { from: before + 1 });
  check(events, {
    'positions follow on': () => events.every((event, i) => event.position === before + 1 + i),
  });
  followed.add(events.length);
  last += events.length;
}
