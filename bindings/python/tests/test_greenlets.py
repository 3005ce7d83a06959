"""Under gevent and eventlet, which replace threads with greenlets of one thread, streams run and
no wait blocks the other greenlets.
"""

from __future__ import annotations

import importlib.util
import sys
import unittest

from programs import ProgramCase
from support import on_persistent_stores

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all(); from gevent import spawn, kill",
    "eventlet": (
        "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch(); "
        "warnings.simplefilter('error'); from eventlet import spawn, kill"
    ),
}

# A greenlet answers questions, and the handlers below wait for its answer: nothing goes on unless
# greenlets run while others wait. Handlers run on real threads, which cannot wake a greenlet by an
# event; so both sides poll, and each sleep lets the other greenlets run.
ANSWERING = """
import sys, time
import factstr
from locks import locked
from support import fact, opened

asked, answered = [], 0

def answer():
    global answered
    while True:
        answered += len(asked)
        asked.clear()
        time.sleep(0.001)

def ask():
    before = answered
    asked.append(1)
    while answered == before:
        time.sleep(0.001)

spawn(answer)
handled = []

def handle(batch):
    ask()
    handled.extend(record.sequence_number for record in batch)

def until(condition):
    while not condition():
        time.sleep(0.001)
"""


@on_persistent_stores
class Greenlets(ProgramCase):
    library = "gevent"

    def setUp(self) -> None:
        super().setUp()
        if importlib.util.find_spec(self.library) is None:
            reason = f"{self.library} is not installed; ./build.sh test brings it"
            sys.stderr.write(f"\nskipped {self.id()}: {reason}\n")
            self.skipTest(reason)

    def runs(self, expected: str, code: str, *, before: str = "") -> None:
        self.prints(
            expected, f"{before}\n{PATCH[self.library]}\n{ANSWERING}\n{code}", self.kind, self.place
        )

    REGISTERING = """
store = opened(*sys.argv[1:])
live = []
store.append([fact("a")])
store.stream_all(live.extend)
subscription = store.stream_all_durable("name", handle)
print(handled)
store.append([fact("b")])
until(lambda: len(handled) == 2 and len(live) == 1)
print(handled, [record.sequence_number for record in live], subscription.progress().state)
subscription.close()
print(subscription.closed, subscription.error)
store.close()
"""

    def test_streams_replay_and_go_on_live(self) -> None:  # G16 G19 G20
        self.runs("[1]\n[1, 2] [2] live\nTrue None", self.REGISTERING)

    def test_streams_replay_and_go_on_live_if_the_package_was_imported_before_patching(
        self,
    ) -> None:  # G16 G19 G20
        self.runs("[1]\n[1, 2] [2] live\nTrue None", self.REGISTERING, before="import factstr")

    def test_closing_waits_for_the_running_handler(self) -> None:  # G17
        self.runs(
            "[1] True\n[1, 2] True\n[1, 2, 3]",
            """
store = opened(*sys.argv[1:])
for _ in range(2):
    entered = []
    def enter(batch):
        entered.append(1)
        handle(batch)
    with store.stream_all(enter) as subscription:
        store.append([fact("a")])
        until(lambda: entered)
    print(handled, subscription.closed)
entered.clear()
store.stream_all(enter)
store.append([fact("a")])
until(lambda: entered)
store.close()
print(handled)
""",
        )

    def test_the_exit_waits_for_the_running_handler(self) -> None:
        self.runs(
            "handled",
            """
store = opened(*sys.argv[1:])
def finish(batch):
    entered.append(1)
    ask()
    print("handled", flush=True)
entered = []
store.stream_all(finish)
store.append([fact("a")])
until(lambda: entered)
""",
        )

    def test_a_failed_replay_raises(self) -> None:  # G20
        self.runs(
            "HandlerFailed",
            """
import logging
logging.disable()
with opened(*sys.argv[1:]) as store:
    store.append([fact("a")])
    def fail(batch):
        ask()
        raise RuntimeError("no")
    try:
        store.stream_all_durable("name", fail)
    except factstr.FactstrError as error:
        print(error.code)
""",
        )

    def test_an_append_that_waits_lets_others_run(self) -> None:
        self.runs(
            "1",
            """
with opened(*sys.argv[1:], lock_ms=3_600_000) as store, locked(*sys.argv[1:]) as release:
    spawn(release)
    print(store.append([fact("a")]).first_sequence_number)
""",
        )

    def test_a_registration_that_is_killed_frees_its_name(self) -> None:  # G20 G22
        self.runs(
            "killed\n[1]",
            """
with opened(*sys.argv[1:]) as store:
    store.append([fact("a")])
    entered, ended, leave = [], [], []
    def hang(batch):
        entered.append(1)
        until(lambda: leave)
    def register():
        try:
            store.stream_all_durable("name", hang)
        except BaseException as error:
            ended.append(error)
            raise
    registering = spawn(register)
    until(lambda: entered)
    kill(registering)
    until(lambda: ended)
    print("killed")
    store.stream_all_durable("name", handle)
    print(handled)
    leave.append(1)
""",
        )


@on_persistent_stores
class Eventlets(Greenlets):
    library = "eventlet"


if __name__ == "__main__":
    unittest.main()
