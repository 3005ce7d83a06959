import { Refused } from '../facts.js';
import type { Accounts } from './query_model.js';

/** Money goes from an account that has it to another one that is in use. */
export function mayTransfer(
  from: string,
  to: string,
  { balance, known }: Accounts,
  amount: number,
): void {
  if (from === to) throw new Refused(`${from} cannot transfer to itself`);
  if (!known) throw new Refused(`nobody has paid into ${to}: is the name right?`);
  if (balance < amount) throw new Refused(`${from} has ${balance}, which is less than ${amount}`);
}
