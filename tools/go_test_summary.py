"""Reads `go test -json` from standard input. Prints a line for each package, the output of what
failed, what took long, and the closing count.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict

LONG = 30.0  # seconds from which on a test gets a line, to show where a long lane is


def main() -> int:
    output: dict[tuple[str, str], list[str]] = defaultdict(list)
    results: dict[tuple[str, str], str] = {}
    parents: set[tuple[str, str]] = set()
    broken: list[str] = []

    for line in sys.stdin:
        if not line.startswith("{"):
            print(line, end="", flush=True)
            continue
        event = json.loads(line)
        action, package, test = event["Action"], event.get("Package", ""), event.get("Test", "")
        if action == "build-output":
            print(event["Output"], end="", flush=True)
        elif action == "output":
            output[package, test].append(event["Output"])
        elif action in ("pass", "fail", "skip") and test:
            results[package, test] = action
            if "/" in test:
                parents.add((package, test.rsplit("/", 1)[0]))
            if (elapsed := event.get("Elapsed", 0)) >= LONG:
                print(f"long    {package} {test}: {elapsed:.0f} s", flush=True)
            if action == "pass":
                output.pop((package, test), None)
            elif action == "skip":
                print(
                    f"skipped {package} {test}: {''.join(output[package, test]).strip()}",
                    flush=True,
                )
            else:
                print(f"FAILED {package} {test}", *output[package, test], sep="\n", flush=True)
        elif action in ("pass", "fail"):
            if action == "fail":
                # A package can fail without a failing test: it does not build, panics, or runs out
                # of time.
                if not any(
                    result == "fail" for (where, _), result in results.items() if where == package
                ):
                    broken.append(package)
                unfinished = [
                    lines
                    for (where, name), lines in output.items()
                    if where == package and (where, name) not in results
                ]
                print(*(line for lines in unfinished for line in lines), sep="", flush=True)
            count = sum(1 for where, _ in results if where == package)
            verdict, elapsed = "ok    " if action == "pass" else "FAILED", event.get("Elapsed", 0)
            print(f"{verdict} {package}  {count} tests, {elapsed:.1f} s", flush=True)

    # Subtests are counted instead of their parent, unless the parent itself failed.
    counted = {
        key: result for key, result in results.items() if key not in parents or result == "fail"
    }
    tally = {
        action: sum(1 for result in counted.values() if result == action)
        for action in ("pass", "fail", "skip")
    }
    failed = tally["fail"] + len(broken)
    print(f"{tally['pass']} passed, {failed} failed, {tally['skip']} skipped")
    return 1 if failed or not tally["pass"] else 0


if __name__ == "__main__":
    sys.exit(main())
