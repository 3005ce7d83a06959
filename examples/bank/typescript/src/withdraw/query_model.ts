// What a withdrawal has to know: the balance of one account.
import { change, movesOf, type Context, type Fact } from '../facts.js';

export function context(account: string): Context {
  return movesOf(account);
}

export function balance(account: string, facts: Fact[]): number {
  return facts.reduce((sum, fact) => sum + change(account, fact), 0);
}
