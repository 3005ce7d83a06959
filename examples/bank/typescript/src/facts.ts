// What happens in this bank, as all slices write and read it. Amounts are whole cents.
import type {
  EventFilter,
  EventRecordOf,
  FactstrSqliteStore,
  NewEventOf,
} from '@factstr/factstr-node';

interface Moved {
  command: string;
  account: string;
  amount: number;
}
export interface BankEvents {
  Deposited: Moved;
  Withdrawn: Moved;
  Transferred: { command: string; from: string; to: string; amount: number };
}
export type Fact = EventRecordOf<BankEvents>;
export type NewFact = NewEventOf<BankEvents>;
export type Context = EventFilter<BankEvents>[];
export type Store = FactstrSqliteStore<BankEvents>;

/** A refusal by a rule: an answer, not a failure. */
export class Refused extends Error {}

/** All facts that move money into or out of an account. */
export function movesOf(account: string): Context {
  return [
    { event_types: ['Deposited', 'Withdrawn'], payload_predicates: [{ account }] },
    { event_types: ['Transferred'], payload_predicates: [{ from: account }, { to: account }] },
  ];
}

/** What a fact changes in the balance of an account. */
export function change(account: string, { event_type, payload }: Fact): number {
  if (event_type === 'Transferred') {
    const { from, to, amount } = payload;
    return (to === account ? amount : 0) - (from === account ? amount : 0);
  }
  if (payload.account !== account) return 0;
  return event_type === 'Deposited' ? payload.amount : -payload.amount;
}
