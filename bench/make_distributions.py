"""Writes as many distributions as it is told, each with what pip leaves, into site-packages."""

import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_paths()["purelib"])
METADATA = (
    "Metadata-Version: 2.1\nName: {name}\nVersion: 1.{n}\nRequires-Python: >=3.8\n{needs}\n{text}"
)
FILES = 20

for n in range(int(sys.argv[1])):
    name = f"name-{n}"
    folder, package = SITE / f"name_{n}-1.{n}.dist-info", SITE / f"name_{n}"
    folder.mkdir(parents=True)
    package.mkdir()
    needs = "".join(
        f"Requires-Dist: name-{m}>=1; python_version >= '3.8'\n" for m in range(n, n + 3)
    )
    metadata = METADATA.format(name=name, n=n, needs=needs, text="long description\n" * 200)
    (folder / "METADATA").write_text(metadata)
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    record = ""
    for at in range(FILES):
        (package / f"module_{at}.py").write_text(f"# {at}\n")
        record += f"name_{n}/module_{at}.py,sha256=KRo9sRRZ1gdFPn0NSVQWI5pPxbeMSjDZq0QPnWQvUhE,5\n"
    (folder / "RECORD").write_text(record)
