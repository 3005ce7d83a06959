import type { NewFact, Store } from '../facts.js';
import { checked, once } from '../once.js';
import { balance, context } from './query_model.js';
import { mayWithdraw } from './rule.js';

export async function withdraw(
  store: Store,
  command: string,
  account: string,
  cents: string,
): Promise<string> {
  const amount = checked(cents, command, account);
  const fact: NewFact = { event_type: 'Withdrawn', payload: { command, account, amount } };
  return once(store, fact, context(account), (facts) =>
    mayWithdraw(account, balance(account, facts), amount),
  );
}
