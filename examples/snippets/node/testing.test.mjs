import assert from 'node:assert/strict';
import test from 'node:test';

import { FactstrMemoryStore } from '@factstr/factstr-node';

// The command that is tested: a course takes so many students, and each of them once.
const CAPACITY = 2;
async function enrol(store, course, student) {
  const context = {
    filters: [{ event_types: ['Enrolled'], payload_predicates: [{ course }] }],
  };
  let answer;
  await store.decide(context, ({ event_records: enrolled }) => {
    answer = enrolled.some(({ payload }) => payload.student === student)
      ? 'already'
      : enrolled.length < CAPACITY
        ? 'enrolled'
        : 'full';
    return answer === 'enrolled'
      ? [{ event_type: 'Enrolled', payload: { course, student } }]
      : null;
  });
  return answer;
}

test('a full course takes nobody', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  const given = ['Ada', 'Ben'].map((student) => ({
    event_type: 'Enrolled',
    payload: { course: 'go', student },
  }));
  store.append(given);

  assert.equal(await enrol(store, 'go', 'Cleo'), 'full');

  assert.equal(store.query().event_records.length, given.length);
});

test('of many at once only so many get in as there is room', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  const students = Array.from({ length: 20 }, (_, i) => `student-${i}`);

  const answers = await Promise.all(students.map((student) => enrol(store, 'go', student)));

  assert.equal(answers.filter((answer) => answer === 'enrolled').length, CAPACITY);
});
