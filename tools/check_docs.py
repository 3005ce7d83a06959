"""Checks the Markdown of the project: every code block of docs/ is taken from a file that the tests
run, every part that is made from data is up to date, every link to a file of the repository leads
somewhere, every page is in the site's navigation, and every paragraph has one sentence a line.

A block names its source by a comment on the line before: <!-- from: examples/hello/hello.py -->, or
a region of that file, which stands there between lines with "region NAME" and "endregion":
<!-- from: FILE#NAME -->. A part that is made stands between <!-- made: options sqlite --> and
<!-- end -->; tools/generated.py makes it. With --write both are brought up to date.
"""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from code_blocks import counted
from formatted import formatted
from generated import catalog, generated
from pictures import pictures

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- from: (\S+?)(?:#(\S+))? -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)
# Languages whose blocks a reader copies; the tests run every one of them.
CODE = re.compile(r"(?<! -->)\n```(c|cpp|go|js|mjs|ts|python|sql)\n")
REGION = r"^[^\S\n]*(?://|#|--) ?#?region {}\n(.*?)^[^\S\n]*(?://|#|--) ?#?endregion$"
MADE = re.compile(r"(<!-- made: ([\w ]+) -->\n)((?:(?!<!-- made).)*?)(<!-- end -->\n)", re.DOTALL)
# What no program brings about by itself.
WITHOUT_EXAMPLE = ("NotImplemented", "InvalidHandle", "Internal")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
# A sentence ends, and the next one begins on the same line.
SECOND_SENTENCE = re.compile(r"[a-z)`\"'\]][.!?] +[A-Z]")


def source(file: str, region: str | None) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    if region is None:
        return text
    found = re.search(REGION.format(re.escape(region)), text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"{file} has no region {region}")
    text = textwrap.dedent(found[1]).strip("\n") + "\n"
    return formatted(text) if file.endswith(".py") else text


def up_to_date(text: str) -> str:
    text = BLOCK.sub(lambda m: m[1] + source(m[2], m[3]) + m[5], text)
    return MADE.sub(lambda m: f"{m[1]}\n{generated(m[2])}\n{m[4]}", text)


def checked(page: Path, write: bool) -> list[str]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT)
    problems = []
    current = up_to_date(text)
    if write:
        page.write_text(current, encoding="utf-8")
    elif current != text:
        problems.append(f"{name} is not up to date; run python3 tools/check_docs.py --write")
    if name.parts[0] == "docs":
        written = MADE.sub("", text)  # what is made comes from sources that are checked there
        problems += [f"{name}: a block of {m[1]} has no source" for m in CODE.finditer(written)]
    if text.count("<!-- made: ") != len(MADE.findall(text)):
        problems.append(f"{name}: a made part stands between <!-- made: ... --> and <!-- end -->")
    headings = re.findall(r"^#+ .*$", FENCED.sub("", MADE.sub("", text)), re.MULTILINE)
    if name.parts[0] == "docs":
        twice = {each for each in headings if headings.count(each) > 1}
        problems += [f"{name}: two parts have the heading {each}" for each in sorted(twice)]
    prose = FENCED.sub(lambda m: "\n" * m[0].count("\n"), text)
    for link in LINK.findall(prose):
        if "://" not in link and not (page.parent / link).exists():
            problems.append(f"{name}: the link to {link} leads nowhere")
    for number, line in enumerate(prose.splitlines(), 1):
        if not line.startswith("|") and SECOND_SENTENCE.search(line):
            problems.append(f"{name}:{number}: a second sentence; each begins a line of its own")
    return problems


def navigation() -> list[str]:
    site = (ROOT / "tools" / "site" / "zensical.toml").read_text(encoding="utf-8")
    listed = set(re.findall(r'= "([\w-]+\.md)"', site))
    there = {page.name for page in (ROOT / "docs").glob("*.md")}
    return [f"tools/site/zensical.toml: the navigation lacks {name}" for name in there - listed]


def errors_explained() -> list[str]:
    """Each code has its part on the page of errors, with an example unless only a defect or another
    language brings it about."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    problems = []
    for row in catalog("errors.json")["codes"]:
        code = row["code"]
        part = re.search(rf"### {code}\n(.*?)(?=\n##|\Z)", text, re.DOTALL)
        if part is None or f"<!-- made: error {code} -->" not in part[1]:
            problems.append(f"docs/errors.md does not explain {code}")
        elif "```" not in part[1] and code not in WITHOUT_EXAMPLE:
            problems.append(f"docs/errors.md has no example for {code}")
    return problems


def drawn(write: bool) -> list[str]:
    problems = []
    for name, svg in pictures().items():
        file = ROOT / "docs" / "pictures" / name
        if write:
            file.write_text(svg, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != svg:
            problems.append(
                f"docs/pictures/{name} is not up to date; run tools/check_docs.py --write"
            )
    return problems


def pages() -> list[Path]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(listed, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    return [ROOT / path for path in found.splitlines() if (ROOT / path).exists()]


def main() -> int:
    found = pages()
    problems = [problem for page in found for problem in checked(page, "--write" in sys.argv)]
    problems += navigation() + drawn("--write" in sys.argv) + counted()[1] + errors_explained()
    print("\n".join(problems) or f"{len(found)} pages: blocks, tables, links and lines are right")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
