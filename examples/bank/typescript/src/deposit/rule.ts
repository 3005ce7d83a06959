import { Refused } from '../facts.js';

export const PAID_IN_MAX = 1_000_000;

/** An account takes deposits of 10,000.00 in all; above that, the bank wants to see a person. */
export function mayDeposit(paidIn: number, amount: number): void {
  if (paidIn + amount > PAID_IN_MAX) {
    throw new Refused(`${paidIn} were paid in already, and ${PAID_IN_MAX} are the limit`);
  }
}
