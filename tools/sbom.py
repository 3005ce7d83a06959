"""Writes what a library contains, as an SPDX 2.3 document, to standard output:

    python3 tools/sbom.py LIBRARY PLATFORM

The modules and their hashes are those that Go recorded in the library itself, not those of go.mod,
so the document can't speak of another build. The same library gives the same document.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Read in each module's licence files, which tools/third-party-licenses.sh collects. A module that
# is missing here is an error, so that nobody ships one whose licence nobody has read.
LICENSES = {
    "github.com/dustin/go-humanize": "MIT",
    "github.com/goccy/go-json": "MIT",
    "github.com/google/uuid": "BSD-3-Clause",
    "github.com/jackc/pgpassfile": "MIT",
    "github.com/jackc/pgservicefile": "MIT",
    "github.com/jackc/pgx/v5": "MIT",
    "github.com/jackc/puddle/v2": "MIT",
    "github.com/klauspost/cpuid/v2": "MIT",
    "github.com/mattn/go-isatty": "MIT",
    "github.com/ncruces/go-strftime": "MIT",
    "github.com/remyoudompheng/bigfft": "BSD-3-Clause",
    "github.com/zeebo/xxh3": "BSD-2-Clause",
    "golang.org/x/sync": "BSD-3-Clause",
    "golang.org/x/sys": "BSD-3-Clause",
    "golang.org/x/text": "BSD-3-Clause",
    "modernc.org/libc": "BSD-3-Clause AND MIT",
    "modernc.org/mathutil": "BSD-3-Clause",
    "modernc.org/memory": "BSD-3-Clause",
    "modernc.org/sqlite": "BSD-3-Clause AND blessing",
}


def build_info(library: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Returns the version of Go and each module with its version and its hash in hexadecimal."""
    said = subprocess.run(
        ["go", "version", "-m", str(library)], check=True, text=True, stdout=subprocess.PIPE
    ).stdout.splitlines()
    modules = []
    for line in said[1:]:
        match line.split():
            case ["dep", path, version, hashed]:
                modules.append((path, version, base64.b64decode(hashed[3:]).hex()))
    if not modules:
        raise SystemExit(f"{library} does not tell its modules")
    return said[0].rsplit(": go", 1)[1], modules


def package(
    identity: str, name: str, version: str, license_: str, purl: str, **more: object
) -> dict[str, object]:
    return {
        "SPDXID": f"SPDXRef-{identity}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": license_,
        "licenseDeclared": license_,
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            }
        ],
        **more,
    }


def document(library: Path, platform: str) -> dict[str, object]:
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    go, modules = build_info(library)
    checksum = hashlib.sha256(library.read_bytes()).hexdigest()
    changed = subprocess.run(
        ["git", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd"],
        cwd=ROOT,
        env={"TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.strip()
    packages = [
        package(
            "libfactstr",
            "libfactstr",
            version,
            "MIT OR Apache-2.0",
            f"pkg:generic/libfactstr@{version}",
            checksums=[{"algorithm": "SHA256", "checksumValue": checksum}],
            packageFileName=library.name,
        ),
        package("go", "go", go, "BSD-3-Clause", f"pkg:golang/std@{go}"),
    ]
    for path, module_version, hashed in modules:
        if path not in LICENSES:
            raise SystemExit(f"tools/sbom.py does not know the licence of {path}")
        packages.append(
            package(
                "module-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in path),
                path,
                module_version,
                LICENSES[path],
                f"pkg:golang/{path}@{module_version}",
                comment=f"go.sum h1 {hashed}",
            )
        )
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"factstr-{version}-{platform}",
        "documentNamespace": f"https://factstr.com/spdx/factstr-{version}-{platform}-{checksum}",
        "creationInfo": {"created": changed, "creators": ["Tool: factstr-tools-sbom"]},
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": "SPDXRef-libfactstr",
            },
            *(
                {
                    "spdxElementId": "SPDXRef-libfactstr",
                    "relationshipType": "STATIC_LINK",
                    "relatedSpdxElement": linked["SPDXID"],
                }
                for linked in packages[1:]
            ),
        ],
    }


def main(library: str, platform: str) -> None:
    json.dump(document(Path(library), platform), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
