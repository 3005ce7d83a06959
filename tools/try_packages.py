"""Installs the packages of dist/ that are for this machine into empty folders, without the checkout
or a registry, and runs the quickstart of each language there: try_packages.py [npm | wheel | c].
It runs on Linux, macOS and Windows.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from platforms import PLATFORMS, here

ROOT = Path(__file__).resolve().parent.parent
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
EXAMPLES = ROOT / "examples/quickstart"
IS_WINDOWS = sys.platform == "win32"
# Nothing of the checkout must be found.
HIDDEN = {"PYTHONPATH", "NODE_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in HIDDEN} | {
    "NODE_NO_WARNINGS": "1",
    "PYTHONIOENCODING": "utf-8",
}


def run(folder: Path, *command: str | Path) -> str:
    # npm is a script on Windows, which only a full name finds.
    program = shutil.which(command[0]) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=ENVIRONMENT,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def says_what_is_expected(folder: Path, *command: str | Path) -> None:
    expected = (EXAMPLES / "expected-output.txt").read_text(encoding="utf-8").splitlines()
    said = run(folder, *command).splitlines()
    if said != expected:
        raise SystemExit("\n".join([f"{command} printed:", *said, "and not:", *expected]))


def npm(folder: Path, platform: str) -> None:
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    packages = [f"factstr-factstr-node{part}-{VERSION}.tgz" for part in ("", f"-{platform}")]
    options = ["--offline", "--no-audit", "--no-fund", "--silent"]
    run(folder, "npm", "install", *options, *(ROOT / "dist/npm" / name for name in packages))
    shutil.copy(EXAMPLES / "node/quickstart.mjs", folder)
    says_what_is_expected(folder, "node", "quickstart.mjs")
    typescript(folder)


def typescript(folder: Path) -> None:
    """Compiles the tests of the types and the recipes of the docs as a program's own project would,
    and runs the recipes."""
    modules = ROOT / "tools/node/node_modules"
    if not (modules / "zod").exists():
        run(ROOT, "npm", "ci", "--prefix", "tools/node", "--silent", "--no-audit", "--no-fund")
    for source in (ROOT / "bindings/node/test/types").iterdir():
        shutil.copy(source, folder)
    shutil.copy(ROOT / "examples/snippets/node/recipes.test.mts", folder)
    shutil.copytree(modules / "zod", folder / "node_modules/zod")
    settings = json.loads((ROOT / "tools/node/tsconfig.json").read_text(encoding="utf-8"))
    options = settings["compilerOptions"] | {
        "noEmit": False,
        "outDir": "out",
        "typeRoots": [str(modules / "@types")],
    }
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "include": ["*.ts", "*.mts"]}), encoding="utf-8"
    )
    run(folder, "node", modules / "typescript/bin/tsc", "--project", ".")
    run(folder, "node", "--test", "out/recipes.test.mjs")


def wheel(folder: Path, platform: str) -> None:
    # The pip that runs installs into the fresh environment, so a Python without ensurepip will do.
    run(folder, sys.executable, "-m", "venv", "--without-pip", "env")
    python = folder / "env" / ("Scripts/python.exe" if IS_WINDOWS else "bin/python")
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-index",
    ]
    run(folder, *pip, "--find-links", ROOT / "dist/python", f"factstr=={VERSION}")
    shutil.copy(EXAMPLES / "python/quickstart.py", folder)
    says_what_is_expected(folder, python, "-I", "quickstart.py")


def c(folder: Path, platform: str) -> None:
    name = f"factstr-{VERSION}-{platform}"
    shutil.unpack_archive(ROOT / f"dist/c/{name}{'.zip' if IS_WINDOWS else '.tar.gz'}", folder)
    prefix = folder / name
    program = prefix / ("bin/quickstart.exe" if IS_WINDOWS else "quickstart")
    compiler = "gcc" if IS_WINDOWS else "cc"
    link: list[str | Path] = (
        [prefix / "lib/factstr.lib"]
        if IS_WINDOWS
        else [f"-L{prefix}/lib", "-lfactstr", f"-Wl,-rpath,{prefix}/lib"]
    )
    source = prefix / "examples/quickstart.c"
    run(folder, compiler, "-std=c99", f"-I{prefix}/include", "-o", program, source, *link)
    says_what_is_expected(folder, program)


KINDS = {"npm": npm, "wheel": wheel, "c": c}


def main(kinds: list[str]) -> None:
    platform = here()
    print(f"the packages for {PLATFORMS[platform].says}")
    for kind in kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            KINDS[kind](Path(folder).resolve(), platform)
        print(f"ok      {kind}")


if __name__ == "__main__":
    main(sys.argv[1:])
