import type { NewFact, Store } from '../facts.js';
import { checked, once } from '../once.js';
import { context, paidIn } from './query_model.js';
import { mayDeposit } from './rule.js';

export async function deposit(
  store: Store,
  command: string,
  account: string,
  cents: string,
): Promise<string> {
  const amount = checked(cents, command, account);
  const fact: NewFact = { event_type: 'Deposited', payload: { command, account, amount } };
  return once(store, fact, context(account), (facts) => mayDeposit(paidIn(facts), amount));
}
