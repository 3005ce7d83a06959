// Compiled by tsc --strict, never run: schemas declare the events of a store.
import {
  FactstrMemoryStore,
  FactstrPostgresStore,
  FactstrSqliteStore,
  type StandardSchema,
  type Store,
} from '@factstr/factstr-node';

// As validation libraries declare theirs, with the interface of the specification.
interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}
type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

declare const deposited: StandardSchemaV1<{ amount?: number }, { amount: number }>;
declare const closed: StandardSchemaV1<{ account: string }> & { parse(value: unknown): unknown };

const store = new FactstrMemoryStore({ schemas: { deposited, closed }, validateReads: true });
store.append([{ event_type: 'deposited', payload: { amount: 5 } }]);
// @ts-expect-error no schema has that type
store.append([{ event_type: 'opened', payload: {} }]);
// @ts-expect-error that is not what the schema returns
store.append([{ event_type: 'deposited', payload: { amount: '5' } }]);
for (const event of store.query().event_records) {
  if (event.event_type === 'deposited') {
    const amount: number = event.payload.amount;
    void amount;
  } else {
    const account: string = event.payload.account;
    void account;
  }
}

const declared: Store<{ deposited: { amount: number }; closed: { account: string } }> = store;
void [
  declared,
  new FactstrSqliteStore('bank.sqlite', { schemas: { deposited }, busyTimeoutMs: 5 }).append([
    { event_type: 'deposited', payload: { amount: 5 } },
  ]),
  FactstrPostgresStore.open('postgres://localhost/bank', { schemas: { closed } }).then((opened) =>
    opened.append([{ event_type: 'closed', payload: { account: 'a1' } }]),
  ),
];

// Some of the declared events may have one.
interface BankEvents {
  deposited: { amount: number };
  withdrawn: { amount: number };
}
new FactstrMemoryStore<BankEvents>({ schemas: { deposited } });
// @ts-expect-error that is the schema of another event
new FactstrMemoryStore<BankEvents>({ schemas: { withdrawn: closed } });
// @ts-expect-error no event has that name
new FactstrMemoryStore<BankEvents>({ schemas: { withdrawal: deposited } });
// @ts-expect-error it is no schema
new FactstrMemoryStore({ schemas: { deposited: (payload: unknown) => payload } });

const own: StandardSchema<{ seat: string }> = {
  '~standard': {
    version: 1,
    vendor: 'bank',
    validate: (value) =>
      typeof (value as { seat?: unknown }).seat === 'string'
        ? { value: value as { seat: string } }
        : { issues: [{ message: 'must be a string', path: ['seat'] }] },
  },
};
new FactstrMemoryStore({ schemas: { reserved: own } }).append([
  { event_type: 'reserved', payload: { seat: 'A1' } },
]);
