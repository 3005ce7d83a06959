// What happens in this bank, as all slices write and read it. Amounts are whole cents.
import type { EventFilter, EventRecord, FactstrSqliteStore } from '@factstr/factstr-node';

export interface Deposited {
  command: string;
  account: string;
  amount: number;
}
export type Withdrawn = Deposited;
export interface Transferred {
  command: string;
  from: string;
  to: string;
  amount: number;
}
export type Payload = Deposited | Withdrawn | Transferred;
export type Fact = EventRecord<Payload>;
export type Store = FactstrSqliteStore<Payload>;

/** A refusal by a rule: an answer, not a failure. */
export class Refused extends Error {}

/** All facts that move money into or out of an account. */
export function movesOf(account: string): EventFilter[] {
  return [
    { event_types: ['Deposited', 'Withdrawn'], payload_predicates: [{ account }] },
    { event_types: ['Transferred'], payload_predicates: [{ from: account }, { to: account }] },
  ];
}

/** What a fact changes in the balance of an account. */
export function change(account: string, { event_type, payload }: Fact): number {
  if (event_type === 'Transferred') {
    const { from, to, amount } = payload as Transferred;
    return (to === account ? amount : 0) - (from === account ? amount : 0);
  }
  const moved = payload as Deposited | Withdrawn;
  if (moved.account !== account) return 0;
  return event_type === 'Deposited' ? moved.amount : -moved.amount;
}
