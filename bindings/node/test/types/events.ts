// Compiled by tsc --strict, never run: stores whose events are declared.
import {
  type AppendIfResult,
  type AppendResult,
  type EventQuery,
  type EventRecordOf,
  type EventStreamHandle,
  type EventsOf,
  FactstrMemoryStore,
  FactstrPostgresStore,
  FactstrSqliteStore,
  type NewEvent,
  type NewEventOf,
  type QueryResult,
  type Store,
} from '@factstr/factstr-node';

interface BankEvents {
  deposited: { account: string; amount: number; tags?: string[] };
  withdrawn: { account: string; amount: number; at: { branch: { town: string } } };
  closed: { account: string };
}

const bank = new FactstrMemoryStore<BankEvents>();
bank.append([{ event_type: 'deposited', payload: { account: 'a1', amount: 5 } }]);
// @ts-expect-error the type is misspelt
bank.append([{ event_type: 'depositd', payload: { account: 'a1', amount: 5 } }]);
// @ts-expect-error that is the payload of another event
bank.append([{ event_type: 'deposited', payload: { account: 'a1' } }]);
// @ts-expect-error an amount is a number
bank.append([{ event_type: 'deposited', payload: { account: 'a1', amount: '5' } }]);
// @ts-expect-error also in the other forms
void bank.appendAsync([{ event_type: 'closed', payload: {} }]);
// @ts-expect-error also in the other forms
bank.appendWhen([{ event_type: 'closed', payload: {} }], []);

// The type of an event tells its payload.
function change(event: EventRecordOf<BankEvents>): number {
  switch (event.event_type) {
    case 'deposited':
      return event.payload.amount;
    case 'withdrawn':
      return event.payload.at.branch.town === 'Bern' ? -event.payload.amount : 0;
    case 'closed':
      // @ts-expect-error a closed account has no amount
      return event.payload.amount;
    default:
      return event satisfies never;
  }
}
const balance: number = bank.query().event_records.reduce((sum, event) => sum + change(event), 0);
async function rest(): Promise<number> {
  let sum = balance;
  for await (const event of bank.read()) {
    sum += change(event);
  }
  for await (const batch of bank.stream({ after: 0n })) {
    sum += batch.map(change).length;
    batch.ack();
  }
  return sum;
}

// Queries name events that there are, and parts of their payloads.
const withdrawals: EventQuery<BankEvents> = {
  filters: [{ event_types: ['withdrawn'], payload_predicates: [{ at: { branch: {} } }] }],
};
const context = {
  filters: [{ event_types: ['deposited'], payload_predicates: [{ account: 'a1' }] }],
} as const;
bank.query(withdrawals);
bank.query(context);
bank.query({ filters: [{ payload_predicates: [{ amount: 5n }, { tags: ['gift'] }] }] });
bank.appendIf([{ event_type: 'closed', payload: { account: 'a1' } }], context);
bank.appendWhen([], [{ fail_if_events_match: context, after: 5n }]);
// @ts-expect-error no event has that type
bank.query({ filters: [{ event_types: ['withdrawal'] }] });
// @ts-expect-error no payload has that field
bank.query({ filters: [{ payload_predicates: [{ acount: 'a1' }] }] });
// @ts-expect-error an account is a string
bank.query({ filters: [{ payload_predicates: [{ account: 1 }] }] });
// @ts-expect-error also in conditions
bank.appendWhen([], [{ fail_if_events_match: { filters: [{ event_types: ['opened'] }] } }]);

// Commands return what may be appended.
void bank.decide(context, ({ event_records }) => [
  {
    event_type: 'withdrawn',
    payload: { account: 'a1', amount: event_records.length, at: { branch: { town: 'Bern' } } },
  },
]);
// @ts-expect-error the payload of another event
void bank.decide(context, () => [{ event_type: 'withdrawn', payload: { account: 'a1' } }]);
const command = async ({ event_records }: QueryResult<BankEvents>) =>
  event_records.length > 0 ? undefined : ([] satisfies NewEventOf<BankEvents>[]);
void bank.decide(withdrawals, command);

// Handlers get them.
const sums: number[] = [];
bank.streamAll((events) => void sums.push(...events.map(change)));
const handle: EventStreamHandle<BankEvents> = (events) => void [events.position, change];
void bank.streamToDurable({ name: 'sums' }, withdrawals, handle);
void bank.streamFrom(0n, null, (events: EventRecordOf<BankEvents>[]) => events.map(change));

// A union of events declares them, too.
type Opened = NewEvent<{ owner: string }, 'opened'>;
type Renamed = NewEvent<{ name: string }, 'renamed'>;
const accounts = new FactstrMemoryStore<EventsOf<Opened | Renamed>>();
const opened: Opened = { event_type: 'opened', payload: { owner: 'rico' } };
accounts.append([opened]);
// @ts-expect-error that is an event of another store
accounts.append([{ event_type: 'closed', payload: { account: 'a1' } }]);
void FactstrSqliteStore.open<EventsOf<Opened | Renamed>>('accounts.sqlite').then((store) =>
  store.append([opened]),
);
void FactstrPostgresStore.open<BankEvents>('postgres://localhost/bank').then((store) =>
  store.query(withdrawals),
);

// Functions take any store, with or without declared events.
function size(store: Store): number {
  return store.query().event_records.length;
}
function close(store: Store<BankEvents>, account: string): AppendResult {
  return store.append([{ event_type: 'closed', payload: { account } }]);
}
const stores: Store<BankEvents>[] = [bank, new FactstrSqliteStore<BankEvents>('bank.sqlite')];
void [size(bank), stores.map((store) => close(store, 'a1'))];
// @ts-expect-error a promised store is none yet
close(FactstrSqliteStore.open<BankEvents>('bank.sqlite'), 'a1');

// Without a declaration everything goes, and nothing is known of a payload.
const any: FactstrMemoryStore = new FactstrMemoryStore();
any.append([{ event_type: 'whatever', payload: [1, 'two', null] }]);
const kinds = ['a', 'b'];
any.query({ filters: [{ event_types: kinds, payload_predicates: [{ x: [1] }, 5, null] }] });

// An answer is one of two.
function told(answer: AppendIfResult): bigint | undefined {
  if (answer.conflict) {
    // @ts-expect-error nothing was appended
    void answer.append_result.last_sequence_number;
    return answer.conflict.actual_context_version ?? undefined;
  }
  return answer.append_result.last_sequence_number;
}
function toldOtherwise(answer: AppendIfResult): bigint | number | undefined {
  if (answer.append_result) {
    return answer.append_result.committed_count;
  }
  return answer.conflict.condition_index;
}
// @ts-expect-error it is never both
const both: AppendIfResult = { append_result: bank.append([]), conflict: {} };
// @ts-expect-error nor neither
const neither: AppendIfResult = {};
void [rest, told, toldOtherwise, both, neither];
