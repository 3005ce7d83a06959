#!/usr/bin/env bash
# Runs both programs on one database, each twice: the same answer, and three facts in the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/examples/link-node-package.sh"
export PYTHONPATH=$root/bindings/python/src PYTHONDONTWRITEBYTECODE=1

for program in "node open_orders.mjs" "python3 open_orders.py" "python3 open_orders.py" "node open_orders.mjs"; do
  answer=$($program "$work/orders.db")
  [ "$answer" = "Ada waits for o-2" ] || { echo "$program says: $answer" >&2 && exit 1; }
done
facts=$(python3 -c 'import sys, factstr
with factstr.SqliteStore(sys.argv[1]) as store: print(store.query({"limit": 0}).current_context_version)' "$work/orders.db")
[ "$facts" = 3 ] || { echo "there are $facts facts, not 3" >&2 && exit 1; }

# The model follows what another process commits while it is open.
python3 - "$work/orders.db" <<'EOF'
import logging
import subprocess
import sys

import factstr
from open_orders import OpenOrders

with factstr.SqliteStore(sys.argv[1]) as store:
    orders = OpenOrders(store)
    place = "import sys, factstr\nwith factstr.SqliteStore(sys.argv[1]) as store: print(store.append([factstr.NewEvent('OrderPlaced', {'order': 'o-3', 'customer': 'Ada'})]).last_sequence_number)"
    number = int(subprocess.run([sys.executable, "-c", place, sys.argv[1]], check=True, capture_output=True).stdout)
    orders.subscription.wait_for(number, 60)
    assert orders.of("Ada") == ["o-2", "o-3"], orders.of("Ada")
    logging.disable()  # the handler's failure is expected here
    # A fact that it cannot handle: it says so from then on.
    number = store.append([factstr.NewEvent("OrderShipped", {"order": "unknown"})]).last_sequence_number
    orders.subscription.wait_for(number, 60)
    try:
        orders.of("Ada")
    except RuntimeError as error:
        assert isinstance(error.__cause__, KeyError)
    else:
        raise AssertionError("it answers although it has missed a batch")
EOF
cat >"$work/missed.mjs" <<'EOF'
import assert from 'node:assert/strict';
const { FactstrMemoryStore } = await import(`${process.argv[2]}/../node_modules/@factstr/factstr-node/lib/index.mjs`);
const { OpenOrders } = await import(`${process.argv[2]}/open_orders.mjs`);
const store = new FactstrMemoryStore();
const orders = new OpenOrders(store);
const { last_sequence_number } = store.append([{ event_type: 'OrderShipped', payload: { order: 'unknown' } }]);
await orders.subscription.waitFor(last_sequence_number);
assert.throws(() => orders.of('Ada'), /not known any more/);
store.close();
EOF
node "$work/missed.mjs" "$PWD"
echo "query model: two languages on one file, run twice, follows another process, and tells when it has missed a batch"
