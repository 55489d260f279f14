# Large files of the same content: told by their size, then by samples, then by all that they hold.
import errno
import os

from tfdocker_clock import Clock

LEAST_BYTES = 1000000
READ_SECONDS = 5
SAMPLES = 32
PIECE_BYTES = 1 << 16
ZEROS = bytes(PIECE_BYTES)


class TimeIsUpError(Exception):
    pass


def compare(listing, seconds=READ_SECONDS):
    """`same`: paths of large files, a list each content; hard links are one file.

    `uncompared`: a size of which not all were compared, its paths, and those left out with why:
    "time", "unreadable"."""
    clock = Clock(seconds)
    same, uncompared = [], []
    for size, paths in of_one_size(listing):
        missed = {}
        for some in grouped(paths, lambda path: digest(path, clock, SAMPLES), missed):
            same += grouped(some, lambda path: digest(path, clock), missed)
        if missed:
            uncompared.append([size, paths, missed])
    return {"same": sorted(same), "uncompared": uncompared}


def of_one_size(listing):
    """Each size that several files have, largest first, and their paths."""
    by_size = {}
    for folder, names, sizes, _, hard, targets in listing:
        if max(sizes) >= LEAST_BYTES:
            for at, name in enumerate(names.split("/")):
                if sizes[at] >= LEAST_BYTES and at not in targets:
                    path = folder.rstrip("/") + "/" + name
                    by_size.setdefault(sizes[at], {}).setdefault(hard.get(at, path), path)
    several = [size for size, files in by_size.items() if len(files) > 1]
    return [(size, sorted(by_size[size].values())) for size in sorted(several, reverse=True)]


def grouped(paths, key, missed):
    """The paths that share a key, a list each; those that give none are put into `missed`."""
    groups = {}
    for path in paths:
        try:
            groups.setdefault(key(path), []).append(path)
        except TimeIsUpError:
            missed[path] = "time"
        except Exception:  # open and read fail as they like, and an interpreter may have no hashlib
            missed[path] = "unreadable"
    return [group for group in groups.values() if len(group) > 1]


def digest(path, clock, samples=None):
    """Of the file's content, or of pieces of it that are spread evenly. Zeros are left out, so that
    it is the same whether they stand on the disk or are a hole."""
    import hashlib

    state = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        step = PIECE_BYTES if samples is None else max(PIECE_BYTES, size // samples)
        start = 0
        while start < size:
            if clock.is_up():
                raise TimeIsUpError
            piece = os.pread(file.fileno(), PIECE_BYTES, start)
            start, at = start + step, start
            if piece == ZEROS[: len(piece)]:
                start = max(start, data_from(file.fileno(), start, size) // step * step)
            else:
                state.update(b"%d:" % at)
                state.update(piece)
    return state.digest()


def data_from(opened, start, size):
    """Where a hole ends; `start` itself where the file system tells of none."""
    try:
        return os.lseek(opened, start, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else start
