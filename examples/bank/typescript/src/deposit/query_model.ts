// What a deposit has to know: what was paid into the account so far. Withdrawals do not matter to
// it, so they are not in its context and never make it start over.
import type { EventFilter } from '@factstr/factstr-node';

import type { Deposited, Fact } from '../facts.js';

export function context(account: string): EventFilter[] {
  return [{ event_types: ['Deposited'], payload_predicates: [{ account }] }];
}

export function paidIn(facts: Fact[]): number {
  return facts.reduce((sum, { payload }) => sum + (payload as Deposited).amount, 0);
}
