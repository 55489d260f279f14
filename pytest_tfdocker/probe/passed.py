# Files of the repo: from standard input, where they follow the plan, into a tmpfs of the container's.
import os

PIECE_BYTES = 1 << 20
PAGE_BYTES = 4096


class Passed(object):
    """The files that a plan names: {"folder": …, "files": [[name, size, executable], …]}, or None."""

    def __init__(self, plan):
        self.folder = plan["folder"].encode() if plan else None
        self.files = plan["files"] if plan else []
        self.bytes = sum(-(-size // PAGE_BYTES) * PAGE_BYTES for _, size, _ in self.files)

    def receive(self):
        """Reads each to its end and writes it; raises OSError."""
        if self.folder and not os.path.ismount(self.folder):  # never into the image's own files
            raise OSError("the engine has mounted no tmpfs there")
        for name, size, executable in self.files:
            path = os.path.join(self.folder, name.encode("utf-8", "surrogateescape"))
            make_folders(os.path.dirname(path))
            with open(path, "wb") as file:
                while size:
                    piece = os.read(0, min(size, PIECE_BYTES))
                    if not piece:
                        os._exit(3)
                    file.write(piece)
                    size -= len(piece)
            # Whoever the program runs as: a service may have given up root
            os.chmod(path, 0o755 if executable else 0o644)

    def held_bytes(self):
        """What of it is still in memory, which is none of the program's; it may have deleted some."""
        if not self.bytes:
            return 0
        space = os.statvfs(self.folder)
        return min(self.bytes, (space.f_blocks - space.f_bfree) * space.f_frsize)


def make_folders(folder):
    if not os.path.isdir(folder):
        make_folders(os.path.dirname(folder))
        os.mkdir(folder)
        os.chmod(folder, 0o755)
