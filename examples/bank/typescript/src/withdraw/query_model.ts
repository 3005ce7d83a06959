// What a withdrawal has to know: the balance of one account.
import type { EventFilter } from '@factstr/factstr-node';

import { change, movesOf, type Fact } from '../facts.js';

export function context(account: string): EventFilter[] {
  return movesOf(account);
}

export function balance(account: string, facts: Fact[]): number {
  return facts.reduce((sum, fact) => sum + change(account, fact), 0);
}
