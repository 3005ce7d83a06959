"""Runs a job (job.c, job.mjs, job.py) on one platform and checks what it did.

run.py [--processes N] [--rounds N] NAME FOLDER COMMAND...: COMMAND starts the job, with the
emulator in front if there is one; its last argument is added here. FOLDER gets the database.

On a memory store and on a SQLite database the job appends, appends under a condition that holds
and under one that does not, and streams durably. On SQLite it is killed again and again while it
does so, and goes on. Then many processes race for one context. No sleep proves anything here: the
driver waits for lines, and kills after a number of them that differs from life to life.
"""

from __future__ import annotations

import argparse
import queue
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

LIVES = 5
SILENCE_MAX = 900.0  # seconds until a job counts as hung, on a loaded machine under an emulator
FOREVER = 1 << 30


class Job:
    """A running job."""

    def __init__(self, command: list[str], place: str) -> None:
        # Standard error is a pipe, too: under Wine Python can't use a file that it inherits.
        self.process = subprocess.Popen(
            [*command, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._pass_errors_on, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())
        self._lines.put("")

    def _pass_errors_on(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            sys.stderr.write(line)

    def tell(self, *commands: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{command}\n" for command in commands))
        self.process.stdin.flush()

    def hear(self) -> str:
        """Returns the next line, and "" at the end of the output."""
        try:
            line = self._lines.get(timeout=SILENCE_MAX)
        except queue.Empty:
            self.process.kill()
            raise SystemExit(f"the job said nothing for {SILENCE_MAX:.0f} s") from None
        if line.startswith("failed"):
            raise SystemExit(f"the job {line}")
        return line

    def ask(self, command: str) -> str:
        self.tell(command)
        return self.hear()

    def expect(self, command: str, answer: str) -> None:
        if (line := self.ask(command)) != answer:
            raise SystemExit(f"{command}: the job said {line!r} instead of {answer!r}")

    def follow(self, name: str, last: int) -> list[int]:
        """Returns the facts that the durable stream handled until it had handled the last one."""
        self.tell(f"follow {name} {last}")
        handled = []
        while (line := self.hear()) != "followed":
            handled.append(number("handled", line))
        return handled

    def kill(self) -> list[str]:
        """Kills the job, as SIGKILL and TerminateProcess do, and returns what it still said."""
        self.process.kill()
        rest = []
        while line := self.hear():
            rest.append(line)
        self.process.wait()
        return rest

    def close(self) -> None:
        self.expect("close", "closed")
        if self.process.wait(SILENCE_MAX) != 0:
            raise SystemExit(f"the job exited with {self.process.returncode}")


def number(word: str, line: str) -> int:
    said, _, digits = line.partition(" ")
    if said != word or not digits.isdecimal():
        raise SystemExit(f"the job said {line!r} instead of {word!r} and a number")
    return int(digits)


def use(job: Job) -> None:
    """What every store must do, with one job."""
    for n in (1, 2, 3):
        job.expect(f"append {n}", f"appended {n}")
    job.expect("claim 0", "won")
    job.expect("claim 0", "conflict")
    job.expect("facts", "facts 1 2 3")
    if (handled := job.follow("used", 3)) != [1, 2, 3]:
        raise SystemExit(f"the durable stream handled {handled}")
    job.expect("append 4", "appended 4")
    # The cursor was kept, and a delivery may come again, but none is left out.
    if (again := job.follow("used", 4)) != list(range(again[0] if again else 0, 5)):
        raise SystemExit(f"the durable stream went on with {again}")
    job.close()


class Lives:
    """A database whose jobs are killed: what was acknowledged stays, and no delivery is left out."""

    def __init__(self, command: list[str], place: str) -> None:
        self.command = command
        self.place = place
        self.acknowledged: set[int] = set()
        self.asked = 10  # above the numbers of use()
        self.handled = 0

    def append_and_die(self, after: int) -> None:
        job = Job(self.command, self.place)
        first = self.asked + 1
        self.asked += after + 40
        job.tell(*(f"append {n}" for n in range(first, self.asked + 1)))
        lines = [job.hear() for _ in range(after)]
        for line in lines + job.kill():
            self.acknowledged.add(number("appended", line))

    def follow_and_die(self, facts: list[int], after: int) -> None:
        job = Job(self.command, self.place)
        job.tell(f"follow killed {FOREVER}")
        lines = [job.hear() for _ in range(after)]
        self.check_order(facts, [number("handled", line) for line in lines + job.kill()])

    def facts(self) -> list[int]:
        job = Job(self.command, self.place)
        facts = [int(n) for n in job.ask("facts").split()[1:]]
        job.close()
        if lost := sorted(self.acknowledged - set(facts)):
            raise SystemExit(f"acknowledged and lost: {lost}")
        if facts != sorted(set(facts)):
            raise SystemExit(f"facts twice, or out of order: {facts}")
        return facts

    def check_order(self, facts: list[int], handled: list[int]) -> None:
        begin = facts.index(handled[0])
        if begin > 0 and facts[begin - 1] > self.handled:
            raise SystemExit(
                f"the stream began with {handled[0]} after it had handled {self.handled}"
            )
        if handled != facts[begin : begin + len(handled)]:
            raise SystemExit(f"the stream handled {handled} of {facts}")
        self.handled = max(self.handled, handled[-1])

    def run(self) -> str:
        for life in range(LIVES):
            self.append_and_die(after=random.randint(1, 60))
            facts = self.facts()
            # Of those that wait for it, the stream handles some.
            waiting = sum(n > self.handled for n in facts)
            self.follow_and_die(facts, after=max(1, waiting * (life + 1) // (LIVES + 1)))
        # The last job that was killed may have handled everything: one fact is sure to be new.
        self.asked += 1
        job = Job(self.command, self.place)
        job.expect(f"append {self.asked}", f"appended {self.asked}")
        job.close()
        self.acknowledged.add(self.asked)
        facts = self.facts()
        job = Job(self.command, self.place)
        self.check_order(facts, job.follow("killed", facts[-1]))
        job.close()
        return f"killed {2 * LIVES} times, {len(self.acknowledged)} acknowledged, none lost"


def race(command: list[str], place: str, processes: int, rounds: int) -> str:
    """In each round all processes append under the same condition at once, and one wins."""
    racers = [Job(command, place) for _ in range(processes)]
    won = [0] * processes
    for n in range(1, rounds + 1):
        for racer in racers:
            racer.tell(f"claim {n}")
        answers = [racer.hear() for racer in racers]
        if sorted(answers) != ["conflict"] * (processes - 1) + ["won"]:
            raise SystemExit(f"round {n}: {answers}")
        won[answers.index("won")] += 1
    for racer in racers:
        racer.close()
    winners = sum(count > 0 for count in won)
    return f"{processes} processes, {rounds} rounds, one winner each, {winners} different ones"


def check_integrity(path: Path) -> None:
    with sqlite3.connect(path) as database:
        (result,) = database.execute("PRAGMA integrity_check").fetchone()
    if result != "ok":
        raise SystemExit(f"integrity_check: {result}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    name, command = arguments.name, arguments.command
    # A relative path, which Windows understands as well.
    database = arguments.folder / "job.db"

    def say(what: str) -> None:
        print(f"{name}: {what}", flush=True)

    use(Job(command, "memory"))
    say("memory store: appended, refused by a condition, streamed durably")
    use(Job(command, str(database)))
    say("SQLite: the same")
    say(f"SQLite: {Lives(command, str(database)).run()}")
    say(f"SQLite: {race(command, str(database), arguments.processes, arguments.rounds)}")
    check_integrity(database)
    say("SQLite: integrity_check is ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
