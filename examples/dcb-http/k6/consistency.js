// Twenty writers read random contexts that overlap, and append on the condition that theirs has not
// changed. At the end each batch in the log is compared with its condition, by the log alone.
import { check } from 'k6';
import { Counter } from 'k6/metrics';

import { append, read, some } from './api.js';

const TYPES = ['Opened', 'Changed', 'Closed'];
const TAGS = ['a:1', 'a:2', 'b:1', 'b:2', 'c:1', 'c:2'];

const held = new Counter('conditions_held');
const refused = new Counter('conditions_refused');

export const options = {
  scenarios: { writers: { executor: 'constant-vus', vus: 20, duration: __ENV.DURATION || '10s' } },
  teardownTimeout: '5m',
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    conditions_held: ['count>0'],
    conditions_refused: ['count>0'],
  },
};

export default function () {
  const query = {
    items: [{ types: some(TYPES, 2), tags: some(TAGS, 2) }, { tags: some(TAGS, 2) }],
  };
  const seen = read(query, { backwards: true, limit: 1 });
  const after = seen.length > 0 ? seen[0].position : 0;
  // Each event of the batch carries what its append was bound to.
  const batch = `${__VU}-${__ITER}`;
  const size = 1 + Math.floor(Math.random() * 3);
  const events = Array.from({ length: size }, () => ({
    type: some(TYPES, 1)[0],
    tags: some(TAGS, 3),
    data: JSON.stringify({ batch, size, query, after }),
  }));
  (append(events, { failIfEventsMatch: query, after }) ? held : refused).add(1);
}

function matches(query, event) {
  return query.items.some(
    ({ types, tags }) =>
      (types === undefined || types.includes(event.type)) &&
      tags.every((tag) => event.tags.includes(tag)),
  );
}

export function teardown() {
  const log = read({ items: [] });
  let broken = 0;
  let torn = 0;
  for (let first = 0; first < log.length;) {
    const { batch, size, query, after } = JSON.parse(log[first].data);
    const whole = log.slice(first, first + size);
    if (whole.length !== size || whole.some((event) => JSON.parse(event.data).batch !== batch))
      torn++;
    // Between what the writer had seen and its own batch no event may match.
    for (let i = first - 1; i >= 0 && log[i].position > after; i--)
      if (matches(query, log[i])) broken++;
    first += size;
  }
  check(null, {
    'positions have no gaps': () => log.every((event, i) => event.position === i + 1),
    'every batch is whole': () => torn === 0,
    'every condition held when its batch was appended': () => broken === 0,
  });
}
