// What a deposit has to know: what was paid into the account so far. Withdrawals do not matter to
// it, so they are not in its context and never make it start over.
import type { Context, Fact } from '../facts.js';

export function context(account: string): Context {
  return [{ event_types: ['Deposited'], payload_predicates: [{ account }] }];
}

export function paidIn(facts: Fact[]): number {
  return facts.reduce((sum, { payload }) => sum + payload.amount, 0);
}
