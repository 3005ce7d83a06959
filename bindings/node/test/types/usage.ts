// Compiled by tsc --strict, never run: what a program writes against the types must compile, and
// what is wrong must not.
import {
  type AppendIfResult,
  type ConditionalAppendConflict,
  type EventFilter,
  type EventQuery,
  type EventRecord,
  type EventStreamHandle,
  EventStreamSubscription,
  FactstrError,
  FactstrMemoryStore,
  type FactstrPostgresBootstrapOptions,
  FactstrPostgresStore,
  FactstrSqliteStore,
  type PostgresStoreOptions,
  type QueryResult,
  type StreamProgress,
  configure,
} from '@factstr/factstr-node';

configure({ memoryLimitBytes: 1 << 30 });

// What a program for 0.5.2 writes.
const memory = new FactstrMemoryStore();
const query: EventQuery = {
  filters: [{ event_types: ['account-opened'], payload_predicates: [{ owner: 'rico' }] }],
  min_sequence_number: null,
};
const appended = memory.append([{ event_type: 'account-opened', payload: { owner: 'rico' } }]);
const last: bigint = appended.last_sequence_number + appended.committed_count;
const version: bigint | null | undefined = memory.query(query).current_context_version;
const answer: AppendIfResult = memory.appendIf(
  [{ event_type: 'renamed', payload: {} }],
  query,
  version,
);
const actual: bigint | null | undefined =
  answer.conflict?.actual_context_version ?? answer.append_result?.first_sequence_number;
const broken: number | undefined = memory.appendWhen(
  [{ event_type: 'renamed', payload: {} }],
  [{ fail_if_events_match: query, after: version }, { fail_if_events_match: {} }],
).conflict?.condition_index;
// @ts-expect-error: without a query there is no condition
void memory.appendWhenAsync([], [{ after: 1n }]).then(() => broken);
const live: EventStreamSubscription = memory.streamTo(query, (events) =>
  events.every((event) => event.payload !== last && actual),
);
live.unsubscribe();
const durable: Promise<EventStreamSubscription> = memory.streamAllDurable(
  { name: 'model' },
  async (events: EventRecord[]) => {
    await memory.appendAsync([{ event_type: 'seen', payload: String(events[0]?.sequence_number) }]);
  },
);

const bootstrapped: FactstrPostgresStore = FactstrPostgresStore.bootstrap({
  serverUrl: 'postgres://localhost',
  databaseName: 'facts',
});
const shared: FactstrMemoryStore | FactstrSqliteStore | FactstrPostgresStore =
  new FactstrPostgresStore('postgres://localhost/facts');
shared.append([{ event_type: 'opened', payload: bootstrapped.query().event_records.length }]);

const handle: EventStreamHandle = (events: EventRecord[]) => void events.length;
const place: FactstrPostgresBootstrapOptions = {
  serverUrl: 'postgres://localhost',
  databaseName: 'facts',
};
void [memory.streamAll(handle), FactstrPostgresStore.bootstrap(place)];
const target: EventQuery = { filters: null, min_sequence_number: null };
target.filters = [];
target.filters.push({ event_types: ['renamed'] });

// Test doubles of a program for 0.5.2: null where a result has nothing.
const conflict: ConditionalAppendConflict = {
  expected_context_version: null,
  actual_context_version: 3n,
};
const refused: AppendIfResult = { append_result: null, conflict };
const nothing: QueryResult = {
  event_records: [],
  last_returned_sequence_number: null,
  current_context_version: null,
};
const records: EventRecord[] = [
  { sequence_number: 1n, occurred_at: '', event_type: 'a', payload: {} },
];
const double: Pick<FactstrMemoryStore, 'query' | 'appendIf' | 'streamAll'> = {
  query: (): QueryResult => ({ ...nothing, event_records: records }),
  appendIf: () => refused,
  streamAll: (given: EventStreamHandle): EventStreamSubscription => memory.streamAll(given),
};
void double;

// With exactOptionalPropertyTypes undefined is a value, and every optional input takes it.
const filter: EventFilter = { event_types: undefined, payload_predicates: undefined };
const absent: EventQuery = { filters: undefined, min_sequence_number: undefined, limit: undefined };
const options: PostgresStoreOptions = {
  schema: undefined,
  closeTimeoutMs: undefined,
  rawPayloads: undefined,
};
void [
  filter,
  absent,
  options,
  memory.streamAllDurable({ name: 'model' }, handle, {
    retry: undefined,
    cursorEvery: { ms: undefined },
  }),
];

const quiet = [
  new FactstrMemoryStore({ onLog: null }),
  new FactstrMemoryStore({ onLog: false }),
  new FactstrMemoryStore({ onLog: undefined }),
];
const told = new FactstrMemoryStore({
  onLog: ({ level, event, message, durable_name }) =>
    void [level === 'error', event, message, durable_name],
});
void told.explain({ limit: 1n }).then(({ plan, steps }) => [plan === 'terms', steps[0]?.up_to]);
void told.backup(new URL('file:///tmp/copy.db')).then(({ head, bytes }) => [head > 0n, bytes / 2]);
void told
  .verify({ signal: new AbortController().signal })
  .then(({ findings, head }) => [findings[0]?.kind === 'wrong_index', findings[0]?.first, head]);
void told.explain(null, { timeoutMs: 5, signal: AbortSignal.timeout(5) });
void told.statistics({ timeoutMs: 5, signal: AbortSignal.timeout(5) });
void told.statistics().then(({ head, streams }) => [head + (streams[0]?.lag ?? 0n), quiet]);

// A handler may say what it expects of payloads.
interface Deposit {
  account: string;
}
const accounts: string[] = [];
memory.streamAll((events: EventRecord<Deposit>[]) =>
  accounts.push(...events.map(({ payload }) => payload.account)),
);

// What 0.6 adds.
async function added(): Promise<void> {
  using postgres = new FactstrPostgresStore('postgres://localhost/facts', {
    schema: 'facts',
    applicationName: 'billing',
    directUrl: 'postgres://localhost:5432/facts',
    connectionsMax: 8,
    connectTimeoutMs: 1000,
    lockTimeoutMs: 1000,
    responseTimeoutMs: 1000,
    pollIntervalMs: 100,
    indexBytesMax: 0,
    queueTimeoutMs: 100,
  });
  await postgres.queryAsync();
  const abort: AbortSignal = new AbortController().signal;
  const opened: FactstrPostgresStore = await FactstrPostgresStore.open(
    'postgres://localhost/facts',
    { schema: 'facts', signal: abort },
  );
  const target = { serverUrl: 'postgres://localhost', databaseName: 'facts' };
  const created: FactstrPostgresStore = await FactstrPostgresStore.bootstrapAsync(target, {
    connectionsMax: 2,
    signal: null,
  });
  await using file: FactstrSqliteStore = await FactstrSqliteStore.open('facts.sqlite', {
    busyTimeoutMs: 100,
    signal: abort,
  });
  await Promise.all([opened, created, file].map((store) => store.queryAsync()));
  void [
    FactstrSqliteStore.open('facts.sqlite'),
    FactstrPostgresStore.open('postgres://localhost/facts', null),
  ];
  await using store = new FactstrSqliteStore('facts.sqlite', {
    busyTimeoutMs: 100,
    fullFsync: true,
    readOnly: false,
  });
  const signal = new AbortController().signal;
  await store.appendIfAsync([{ event_type: 'a', payload: null }], {}, 5n, { signal });
  await store.queryAsync({ limit: 10 }, { signal });
  const onProgress = ({ position, replay_target }: StreamProgress) =>
    void (replay_target - position);
  const options = {
    retry: { maxAttempts: 3 },
    cursorEvery: { batches: 1 },
    signal,
    onError: (failure: unknown) => void failure,
    onProgress,
  };
  using subscription = await store.streamToDurable({ name: 'model' }, query, () => false, options);
  subscription.unref().ref();
  const progress: StreamProgress = subscription.progress();
  const state: 'replaying' | 'live' | 'ended' = progress.state;
  const away: boolean =
    progress.failure?.reason === 'connection' && progress.stored_cursor < progress.position;
  void [state, away, store.streamAllDurable({ name: 'model' }, () => {}, { onProgress: null })];
  try {
    await subscription.closed;
  } catch (error) {
    if (error instanceof FactstrError && error.code === 'HandlerFailed') {
      const reason: string | undefined = error.reason;
      void [reason, error.cause, error.conflict?.actual_context_version];
    }
  }
}
void [durable, added];

// @ts-expect-error a Number cannot hold every sequence number
memory.appendIf([], {}, 5);
// @ts-expect-error nor here
memory.query({ min_sequence_number: 5 });
// @ts-expect-error subscriptions come from a store
new EventStreamSubscription();
// @ts-expect-error there is no such code
void ((error: FactstrError) => error.code === 'Nonsense');
// @ts-expect-error a query is no string
memory.query('all');
// @ts-expect-error a name of an option that is misspelt
new FactstrPostgresStore('postgres://localhost/facts', { application_name: 'billing' });
// @ts-expect-error that is an option of another store
new FactstrPostgresStore('postgres://localhost/facts', { busyTimeoutMs: 100 });
// @ts-expect-error the name of the database is missing
FactstrPostgresStore.bootstrap({ serverUrl: 'postgres://localhost' });
// @ts-expect-error a constructor cannot be aborted
new FactstrSqliteStore('facts.sqlite', { signal: new AbortController().signal });
// @ts-expect-error a live stream has no replay that could be watched
memory.streamAll(() => {}, { onProgress: () => {} });
// @ts-expect-error there is no such state
void ((progress: StreamProgress) => progress.state === 'paused');
// @ts-expect-error a promised store is none yet
FactstrSqliteStore.open('facts.sqlite').query();
// @ts-expect-error that is an option of another store
FactstrPostgresStore.open('postgres://localhost/facts', { busyTimeoutMs: 100 });
// @ts-expect-error a URL of a server is text
new FactstrPostgresStore(new URL('postgres://localhost/facts'));
// @ts-expect-error a live stream has no replay that could take too long
memory.streamAll(() => {}, { timeoutMs: 5 });
memory.read({}, { timeoutMs: 5 });
void memory.streamFrom(0n, null, () => {}, { timeoutMs: 5 });
void memory.streamAllDurable({ name: 'model' }, () => {}, { timeoutMs: 5 });
// @ts-expect-error nothing is known of a payload
memory.query().event_records[0]?.payload.account;
// @ts-expect-error a log is a function
new FactstrMemoryStore({ onLog: 'console' });
