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
        self.held = self.held_at_start = 0

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

    def begin(self):
        """What of it is in memory as a run begins; another may have deleted some."""
        self.changed()
        self.held_at_start = self.held
        return self.held

    def changed(self):
        """Whether more or less of it is in memory than before; `held` says how much."""
        before = self.held
        if self.bytes:
            space = os.statvfs(self.folder)
            # What the program has written there is its own
            self.held = min(self.bytes, (space.f_blocks - space.f_bfree) * space.f_frsize)
        return self.held != before


def make_folders(folder):
    if not os.path.isdir(folder):
        make_folders(os.path.dirname(folder))
        os.mkdir(folder)
        os.chmod(folder, 0o755)
