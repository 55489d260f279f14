# rpm's databases, sent as they stand: the host reads them, whatever the format.
import base64
import os

import tfdocker_tree as tree

FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
NAMES = (
    "rpmdb.sqlite",
    "Packages.db",
    "Packages",
)  # the newest format first; the others are left over
JOURNAL = "-wal"  # what sqlite has not yet moved into its file
MOST_BYTES = 128 << 20
PIECE_BYTES = 1 << 20


def databases(folders=FOLDERS, most_bytes=MOST_BYTES):
    """One of each folder that has any: its path, and its bytes and those of its journal, packed;
    or why it is not sent, a `problem`."""
    found, seen = [], set()
    for folder in folders:
        paths = [os.path.join(folder, name) for name in NAMES]
        path = next((path for path in paths if tree.is_file(path)), None)
        if path is not None and tree.real(path) not in seen:
            seen.add(tree.real(path))
            found.append(sent(path, most_bytes))
    return found


def sent(path, most_bytes):
    try:
        data = packed(path, most_bytes)
        journal = path + JOURNAL
        found = {"path": path, "data": data}
        if tree.is_file(journal):
            found["journal"] = packed(journal, most_bytes)
        return found
    except OverflowError:
        return {"path": path, "problem": "is larger than %d MiB" % (most_bytes >> 20)}
    except OSError as error:
        return {"path": path, "problem": "can't be read: %s" % error.strerror}


def packed(path, most_bytes):
    """As `files.packed`, of bytes, piece by piece."""
    try:
        import zlib

        packer, kind = zlib.compressobj(1), "zlib"
    except ImportError:
        packer, kind = Plain(), "plain"
    pieces, size = [], 0
    with tree.opened(path) as file:
        for piece in iter(lambda: file.read(PIECE_BYTES), b""):
            size += len(piece)
            if size > most_bytes:
                raise OverflowError
            pieces.append(packer.compress(piece))
    pieces.append(packer.flush())
    return [kind, base64.b64encode(b"".join(pieces)).decode("ascii")]


class Plain:
    """What stands in for zlib's compressor where the interpreter has none."""

    def compress(self, data):
        return data

    def flush(self):
        return b""
