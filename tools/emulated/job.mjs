// The job of run.py in Node; job.c says what the commands mean.
import { readSync, writeSync } from 'node:fs';

import { FactstrMemoryStore, FactstrSqliteStore } from '@factstr/factstr-node';

const [place] = process.argv.slice(2);
const counted = { filters: [{ event_types: ['counted'] }] };

// Read and written as files: under Wine libuv can't open the pipes of a parent that is no Windows
// program.
function say(line) {
  writeSync(1, `${line}\n`);
}

function* commands() {
  const buffer = Buffer.alloc(1 << 16);
  let begun = '';
  for (let count; (count = readSync(0, buffer)) > 0;) {
    const lines = (begun + buffer.toString('latin1', 0, count)).split('\n');
    begun = lines.pop();
    yield* lines;
  }
}

function claim(store, round) {
  const claimed = {
    filters: [{ event_types: ['claimed'], payload_predicates: [{ round }] }],
  };
  const fact = { event_type: 'claimed', payload: { round } };
  say(store.appendIf([fact], claimed, null).conflict ? 'conflict' : 'won');
}

async function follow(store, name, last) {
  let reached;
  const done = new Promise((resolve) => {
    reached = resolve;
  });
  const subscription = await store.streamToDurable({ name }, counted, (batch) => {
    for (const { payload } of batch) {
      say(`handled ${payload.n}`);
      if (payload.n >= last) reached();
    }
  });
  await done;
  subscription.unsubscribe();
  await subscription.closed;
  say('followed');
}

const store =
  place === 'memory'
    ? new FactstrMemoryStore()
    : new FactstrSqliteStore(place, { busyTimeoutMs: 60_000 });
try {
  for (const line of commands()) {
    const [command, ...rest] = line.split(' ');
    if (command === 'append') {
      store.append([{ event_type: 'counted', payload: { n: Number(rest[0]) } }]);
      say(`appended ${rest[0]}`);
    } else if (command === 'claim') {
      claim(store, Number(rest[0]));
    } else if (command === 'facts') {
      const { event_records } = store.query(counted);
      say(['facts', ...event_records.map(({ payload }) => payload.n)].join(' '));
    } else if (command === 'follow') {
      await follow(store, rest[0], Number(rest[1]));
    } else {
      break;
    }
  }
  store.close();
  say('closed');
} catch (error) {
  say(`failed ${error.stack}`);
  process.exitCode = 1;
}
