import { Refused } from '../facts.js';

/** Nobody takes out more than there is. */
export function mayWithdraw(account: string, balance: number, amount: number): void {
  if (balance < amount)
    throw new Refused(`${account} has ${balance}, which is less than ${amount}`);
}
