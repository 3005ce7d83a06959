// A slice that only reads: what an account has, and what happened to it.
import { change, movesOf, type Store } from '../facts.js';

export async function balance(store: Store, account: string): Promise<string> {
  let sum = 0;
  const lines = [];
  for await (const fact of store.read({ filters: movesOf(account) })) {
    sum += change(account, fact);
    lines.push(`${fact.sequence_number} ${fact.event_type} ${change(account, fact)}`);
  }
  return [...lines, `${account} has ${sum}`].join('\n');
}
