// What a transfer has to know: the balance of one account, and whether the other one is in use.
// Both are in one context, so they are true at the same moment.
import { change, movesOf, type Context, type Fact } from '../facts.js';

export interface Accounts {
  balance: number;
  known: boolean;
}

export function context(from: string, to: string): Context {
  return [
    ...movesOf(from),
    { event_types: ['Deposited'], payload_predicates: [{ account: to }] },
    { event_types: ['Transferred'], payload_predicates: [{ to }] },
  ];
}

export function accounts(from: string, to: string, facts: Fact[]): Accounts {
  let balance = 0;
  let known = false;
  for (const fact of facts) {
    balance += change(from, fact);
    known ||= change(to, fact) > 0;
  }
  return { balance, known };
}
