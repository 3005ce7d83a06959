"""Stores of a process that forks."""

from __future__ import annotations

import unittest

from programs import ProgramCase
from support import on_persistent_stores


@on_persistent_stores
class Fork(ProgramCase):
    def test_a_forked_child_gets_a_fork_error_and_the_parent_goes_on(self) -> None:
        self.prints(
            "Forked Forked Forked Forked Forked\nchild 0\n1",
            """
import os, sys, warnings
import factstr
from support import opened
# Python 3.12 and newer warn about forks with threads, and are right.
warnings.simplefilter("ignore", DeprecationWarning)
store = opened(*sys.argv[1:])
subscription = store.stream_all(lambda batch: None)
child = os.fork()
if child == 0:
    def code(use):
        try:
            use()
        except factstr.ForkError as error:
            assert "spawn" in error.message and "forkserver" in error.message
            return error.code
    event = factstr.NewEvent("a", 1)
    append = lambda: store.append([event])
    uses = append, store.query, subscription.wait, subscription.progress, factstr.MemoryStore
    print(*map(code, uses), flush=True)
    subscription.unsubscribe()
    subscription.close()
    store.close()
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
store.close()
""",
            self.kind,
            self.place,
        )

    def test_a_child_that_was_forked_before_the_first_store_works(self) -> None:
        self.prints(
            "1\nchild 0\n2",
            """
import os, sys
import factstr
from support import opened
child = os.fork()
if child == 0:
    with opened(*sys.argv[1:]) as store:
        print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number, flush=True)
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
with opened(*sys.argv[1:]) as store:
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )

    def test_a_forked_child_exits_normally_and_closes_nothing_of_the_parent(self) -> None:
        self.prints(
            "child 0\n1",
            """
import os, sys, warnings
import factstr
from support import opened
warnings.simplefilter("ignore", DeprecationWarning)
store = opened(*sys.argv[1:])
store.stream_all(lambda batch: None)
child = os.fork()
if child == 0:
    sys.exit()
print("child", os.waitpid(child, 0)[1])
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )

    def test_subprocess_and_spawn_work_beside_an_open_store(self) -> None:
        self.prints(
            "hello\n1",
            """
import subprocess, sys
import factstr
from support import opened
with opened(*sys.argv[1:]) as store:
    subprocess.run([sys.executable, "-c", "print('hello')"], check=True)
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )


if __name__ == "__main__":
    unittest.main()
