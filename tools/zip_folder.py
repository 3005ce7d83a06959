"""zip_folder.py FOLDER ARCHIVE: packs a folder. The same files give the same bytes: names are
sorted, and no date or user is kept.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
