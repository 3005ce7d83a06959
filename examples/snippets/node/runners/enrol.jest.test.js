const { FactstrMemoryStore } = require('@factstr/factstr-node');
const { afterEach, beforeEach, expect, test } = require('@jest/globals'); // jest itself is there

async function enrol(store, course, student) {
  const context = { filters: [{ payload_predicates: [{ course }] }] };
  return store.decide(context, ({ event_records: enrolled }) =>
    enrolled.length < 2 ? [{ event_type: 'Enrolled', payload: { course, student } }] : null,
  );
}

let store;
beforeEach(() => {
  store = new FactstrMemoryStore();
});
afterEach(() => store.closeAsync()); // handlers have returned, and nothing keeps the worker

test('a full course takes nobody', async () => {
  store.append([
    { event_type: 'Enrolled', payload: { course: 'go', student: 'Ada' } },
    { event_type: 'Enrolled', payload: { course: 'go', student: 'Ben' } },
  ]);

  expect(await enrol(store, 'go', 'Cleo')).toBeUndefined();

  expect(store.query().event_records).toHaveLength(2);
  await expect(enrol(store, 'c', 'Cleo')).resolves.toMatchObject({ committed_count: 1n });
});

test('a view follows, also while the clock stands still', async () => {
  jest.useFakeTimers();
  try {
    const students = [];
    const view = await store.streamAllDurable({ name: 'students' }, (batch) => {
      students.push(...batch.map(({ payload }) => payload.student));
    });
    const { last_sequence_number } = store.append([
      { event_type: 'Enrolled', payload: { course: 'go', student: 'Ada' } },
    ]);
    await view.waitFor(last_sequence_number); // instead of a pause
    expect(students).toEqual(['Ada']);
  } finally {
    jest.useRealTimers();
  }
});
