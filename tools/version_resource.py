"""Writes what Explorer and installers of Windows show of a file, as the source of a resource:

python3 tools/version_resource.py FILE DESCRIPTION >FILE.rc
"""

from __future__ import annotations

import sys

from platforms import ROOT

# FILEOS says Windows of 32 bits and more, FILETYPE a DLL; a pre-release has the flag 2.
TEMPLATE = """1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
FILEFLAGSMASK 0x3F
FILEFLAGS {flags}
FILEOS 0x40004
FILETYPE 2
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904b0"
    BEGIN
      VALUE "CompanyName", "FACTSTR"
      VALUE "FileDescription", "{description}"
      VALUE "FileVersion", "{version}"
      VALUE "LegalCopyright", "MIT OR Apache-2.0"
      VALUE "OriginalFilename", "{file}"
      VALUE "ProductName", "FACTSTR"
      VALUE "ProductVersion", "{version}"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
"""


def resource(file: str, description: str, version: str) -> str:
    release, _, before = version.partition("-")
    return TEMPLATE.format(
        file=file,
        description=description,
        version=version,
        numbers=",".join([*release.split("."), "0"]),
        flags=2 if before else 0,
    )


if __name__ == "__main__":
    _, file, description = sys.argv
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    print(resource(file, description, version), end="")
