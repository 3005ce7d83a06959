import type { NewFact, Store } from '../facts.js';
import { checked, once } from '../once.js';
import { accounts, context } from './query_model.js';
import { mayTransfer } from './rule.js';

export async function transfer(
  store: Store,
  command: string,
  from: string,
  to: string,
  cents: string,
): Promise<string> {
  const amount = checked(cents, command, from, to);
  const fact: NewFact = { event_type: 'Transferred', payload: { command, from, to, amount } };
  return once(store, fact, context(from, to), (facts) =>
    mayTransfer(from, to, accounts(from, to, facts), amount),
  );
}
