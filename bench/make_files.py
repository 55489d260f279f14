"""Runs inside a build: so many files of so many bytes, half of them listed by a RECORD."""

import sys
import sysconfig
from pathlib import Path

FILES_OF_A_FOLDER, FOLDERS_OF_A_PACKAGE = 100, 100

count, size_bytes = map(int, sys.argv[1:])
site = Path(sysconfig.get_path("purelib"))
listed: dict[str, list[str]] = {}
for number in range(0, count, FILES_OF_A_FOLDER):
    at = number // FILES_OF_A_FOLDER
    package = f"package{at // FOLDERS_OF_A_PACKAGE}"
    is_installed = at % 2 == 0
    folder = (site if is_installed else Path("/srv")) / package / f"part{at}"
    folder.mkdir(parents=True)
    for name in (f"module{one}.py" for one in range(min(FILES_OF_A_FOLDER, count - number))):
        text = f"# {package}.part{at}.{name}\n"
        (folder / name).write_text(text + "#" * (size_bytes - len(text)))
        if is_installed:
            listed.setdefault(package, []).append(f"{package}/part{at}/{name},,")
for package, lines in listed.items():
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "RECORD").write_text("\n".join(lines) + "\n")
