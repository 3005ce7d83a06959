"""Counts the code blocks of the documentation by what runs them, for the output of ./build.sh docs.

A block is taken from a file (check_docs.py), and each such file is run by a test that is listed
here. A block without one fails the build. Declarations on the pages of the API come from sources
that are compiled; the rest shows shapes, commands and output.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where a block comes from, what runs that file, and what stands there that does so.
RUN_BY = {
    "examples/hello/": ("tools/test.sh", "examples/hello/run.sh"),
    "examples/quickstart/": ("tools/test.sh", "examples/quickstart/run.sh"),
    "examples/snippets/node/recipes": ("tools/try_packages.py", "recipes.test.mts"),
    "examples/snippets/node/": ("tools/test.sh", "examples/snippets/node/"),
    "examples/snippets/python": ("tools/test.sh", "examples/snippets/python"),
    "examples/snippets/go/": ("tools/test.sh", "go test -race"),
    "examples/bank/": ("tools/examples.sh", "examples/bank/test/run.sh"),
    "examples/query-model/": ("tools/examples.sh", "examples/query-model/run.sh"),
    "examples/ffi/": ("tools/check-install.sh", "examples/ffi/run.sh"),
    "examples/projection/counts.py": ("bindings/python/tests/test_exactly_once.py", '"projection"'),
    "examples/projection/": ("tools/examples.sh", "examples/projection/test/run.sh"),
    "examples/worker/": ("tools/examples.sh", "examples/worker/run.sh"),
    "core/postgres/testdata/documented/": ("core/postgres/documented_test.go", '"documented"'),
}
SOURCE = re.compile(r"<!-- from: (\S+?)(?:#\S+)? -->\n")
MADE = re.compile(r"<!-- made: (?:api|signatures) \w+ -->\n(.*?)\n<!-- end -->\n", re.DOTALL)
BLOCK = re.compile(r"^ *```(\w*)\n.*?^ *```$", re.DOTALL | re.MULTILINE)
CODE = ("c", "cpp", "go", "js", "mjs", "ts", "python", "sql")


def counted() -> tuple[list[str], list[str]]:
    """What there is, and what is wrong."""
    runs: Counter[str] = Counter()
    declarations = others = blocks = 0
    problems = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for made in MADE.findall(text):
            declarations += sum(m[1] in CODE for m in BLOCK.finditer(made))
        written = MADE.sub("", text)
        sources = SOURCE.findall(written)
        code = sum(m[1] in CODE for m in BLOCK.finditer(written))
        others += len(BLOCK.findall(written)) - code
        blocks += code
        if code != len(sources):
            problems.append(f"{page.name}: {code} blocks of code, {len(sources)} sources of them")
        for source in sources:
            found = next((each for each in RUN_BY if source.startswith(each)), None)
            if found is None:
                problems.append(f"{page.name}: nothing runs {source}; tools/code_blocks.py")
                continue
            runner, says = RUN_BY[found]
            if says not in (ROOT / runner).read_text(encoding="utf-8"):
                problems.append(f"{runner} does not run {found} any more")
            runs[found] += 1
    said = [
        f"{count:4} from {source} (run by {RUN_BY[source][0]})"
        for source, count in sorted(runs.items())
    ]
    said.append(
        f"{blocks} blocks of code, {sum(runs.values())} of them run by CI; {declarations} "
        f"declarations from sources that CI compiles; {others} blocks of shapes, commands and output"
    )
    return said, problems


def main() -> int:
    said, problems = counted()
    print("\n".join([*said, *problems]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
