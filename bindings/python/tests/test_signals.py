"""Signals of the process: the host keeps its handlers, whichever they are and wherever its threads run."""

from __future__ import annotations

import os
import signal
import unittest

from programs import ProgramCase, run_program
from support import on_persistent_stores

COUNT = 3_000_000 if "FACTSTR_TORTURE" in os.environ else 100_000

HANDLERS = """
import ctypes, os, resource, signal, subprocess, sys, threading
import factstr
from support import opened

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
OTHERS = signal.valid_signals() - FAULTS - {signal.SIGKILL, signal.SIGSTOP, 32, 33}
NUMBERS = sorted(map(int, OTHERS))  # before Python 3.11 str() spells them by name
handled = 0

def handle(number, frame):
    global handled
    handled += 1

def install_handlers():
    # Real-time signals that come faster than they are handled fill a queue that all processes of
    # the user share, and then setuid() of another process misses threads. Hence the limit.
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (1000, 1000))
    # Handlers of Python run on the alternate stack, those of extension modules hardly ever do. A
    # function of the C library stands for these.
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    for number in NUMBERS:
        if number % 2:
            libc.signal(number, ctypes.cast(libc.labs, ctypes.c_void_p))
        else:
            signal.signal(number, handle)

SENDER = '''
import os, sys, time
host, count, *numbers = map(int, sys.argv[1:])
for _ in range(count // len(numbers)):
    for number in numbers:
        os.kill(host, number)
    time.sleep(0.0002)  # a host that gets signals faster than it handles them does nothing else
'''
"""


@on_persistent_stores
class Signals(ProgramCase):
    def test_a_process_with_handlers_for_all_signals_lives_on_while_they_come(self) -> None:
        self.prints(
            "True True",
            HANDLERS
            + """
store = opened(*sys.argv[1:3])
install_handlers()
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
over = False

def use():
    with store.stream_all(lambda batch: None):
        while not over:
            store.append([factstr.NewEvent("a", {"k": [1, {"deep": [2]}]})])
            store.query(factstr.EventQuery(limit=1))

threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads:
    thread.start()
sender = subprocess.Popen([sys.executable, "-c", SENDER, str(os.getpid()), sys.argv[3], *map(str, NUMBERS)])
calls = 0
while sender.poll() is None:
    store.append([factstr.NewEvent("b", 1)])
    calls += 1
over = True
for thread in threads:
    thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
signal.setitimer(signal.ITIMER_PROF, 0)
store.close()
print(handled > 0, calls > 0 and sender.returncode == 0)
""",
            self.kind,
            self.place,
            COUNT,
        )


class Faults(ProgramCase):
    """faulthandler still reports, whether it was enabled before or after the library was loaded. Only
    one fault is tested: its small alternate stack has no room for many handlers at a time.
    """

    def test_a_fault_of_the_host_is_reported_by_a_faulthandler_that_was_enabled_before(
        self,
    ) -> None:
        self.check("faulthandler.enable()\n", "")

    def test_a_fault_of_the_host_is_reported_by_a_faulthandler_that_was_enabled_afterwards(
        self,
    ) -> None:
        self.check("", "faulthandler.enable()\n")

    def check(self, before: str, after: str) -> None:
        store = 'store = factstr.MemoryStore()\nstore.append([factstr.NewEvent("a", 1)])\n'
        done = run_program(
            f"import faulthandler, factstr\n{before}{store}{after}faulthandler._sigsegv()"
        )
        self.assertIn("Fatal Python error: Segmentation fault", done.stderr)
        self.assertEqual((done.stdout, done.returncode), ("", -signal.SIGSEGV))


@on_persistent_stores
class Children(ProgramCase):
    def test_a_program_that_a_handler_of_a_stream_starts_blocks_no_signals(self) -> None:
        self.prints(
            "SigBlk:\t0000000000000000",
            """
import subprocess, sys, threading
import factstr
from support import WAIT_S, opened

store = opened(*sys.argv[1:3])
done = threading.Event()

def start(batch):
    subprocess.run(["grep", "SigBlk", "/proc/self/status"])
    done.set()

store.stream_all(start)
store.append([factstr.NewEvent("a", 1)])
done.wait(WAIT_S)
store.close()
""",
            self.kind,
            self.place,
        )


if __name__ == "__main__":
    unittest.main()
