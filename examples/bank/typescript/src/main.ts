// node dist/main.js DATABASE deposit|withdraw ID ACCOUNT CENTS
//                   DATABASE transfer ID FROM TO CENTS
//                   DATABASE balance ACCOUNT
// ID is any text that names the command: sent again with the same one, it changes nothing.
// Ends with 0 when it is done (or was before), with 1 when a rule refuses, and with 2 when it is to
// be sent again.
import { FactstrError, FactstrSqliteStore } from '@factstr/factstr-node';

import { balance } from './balance/balance.js';
import { deposit } from './deposit/deposit.js';
import { Refused, type BankEvents, type Store } from './facts.js';
import { transfer } from './transfer/transfer.js';
import { withdraw } from './withdraw/withdraw.js';

async function carryOut(store: Store, slice: string, words: string[]): Promise<string> {
  const [first = '', second = '', third = '', fourth = ''] = words;
  switch (`${slice} ${words.length}`) {
    case 'deposit 3':
      return deposit(store, first, second, third);
    case 'withdraw 3':
      return withdraw(store, first, second, third);
    case 'transfer 4':
      return transfer(store, first, second, third, fourth);
    case 'balance 1':
      return balance(store, first);
    default:
      throw new Refused('usage: DATABASE deposit|withdraw|transfer|balance ...');
  }
}

// Nothing was written, or nobody can know: with its id, the command may be sent again in any case.
const AGAIN = ['Busy', 'Timeout', 'ConditionalAppendConflict', 'CommitUnknown'];

const [path = '', slice = '', ...words] = process.argv.slice(2);
try {
  const store = await FactstrSqliteStore.open<BankEvents>(path);
  try {
    console.log(await carryOut(store, slice, words));
  } finally {
    store.close();
  }
} catch (error) {
  if (error instanceof Refused) {
    console.error(`refused: ${error.message}`);
    process.exitCode = 1;
  } else if (error instanceof FactstrError && AGAIN.includes(error.code)) {
    console.error(`send it again: ${error.message}`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
