# PID 1 of a comparison: installed files against the hashes that their RECORD has of them.
import base64
import csv
import hashlib
import io
import posixpath

import tfdocker_distributions as distributions
import tfdocker_lifeline as lifeline
import tfdocker_tree as tree
from tfdocker_clock import Clock

PIECE_BYTES = 1 << 20
MOST_SHOWN = 20


class TimeIsUpError(Exception):
    pass


def main(plan, parts, report):
    lifeline.hold(plan["deadline_seconds"])
    clock = Clock(plan["seconds"])
    found = verified(plan["paths"], lambda path, algorithm: digest_of(path, algorithm, clock))
    report({"verified": found})


def verified(paths, digest_of):
    """By the path of a dist-info: how many files are as they were recorded, which are not, how many
    are gone, how many can't be read or were not reached in time. Those without RECORD are left out.
    `digest_of`: of a path and an algorithm, as RECORD has it."""
    rows, known = {}, {}
    for path in paths:
        text = distributions.read_text(posixpath.join(path, "RECORD"))
        if text is not None:
            rows[path] = list(hashed(posixpath.dirname(path), text))
            for file, algorithm, digest in rows[path]:
                known.setdefault((file, algorithm), set()).add(digest)
    return {path: of_one(some, known, digest_of) for path, some in rows.items()}


def hashed(location, text):
    """The files that have a hash: not RECORD itself, nor what is compiled."""
    for row in distributions.safe_rows(csv.reader(io.StringIO(text, newline=""))):
        algorithm, _, digest = (row[1] if len(row) > 1 else "").partition("=")
        if digest:
            path = posixpath.normpath(posixpath.join(location, row[0]))
            yield path, algorithm, digest.rstrip("=")


def of_one(rows, known, digest_of):
    """`shared`: as another distribution has it, which was installed over this one."""
    counts = {"same": 0, "shared": 0, "changed": 0, "gone": 0, "unread": 0, "late": 0}
    shown = []
    for path, algorithm, digest in rows:
        outcome = compared(path, algorithm, digest, known[path, algorithm], digest_of)
        counts[outcome] += 1
        if outcome == "changed" and len(shown) < MOST_SHOWN:
            shown.append(distributions.clean(path))
    counts["paths"] = shown
    return counts


def compared(path, algorithm, digest, known, digest_of):
    try:
        found = digest_of(path, algorithm)
    except FileNotFoundError:
        return "gone"
    except TimeIsUpError:
        return "late"
    except (OSError, ValueError):  # ValueError: of a hash that this Python doesn't know
        return "unread"
    if found == digest:
        return "same"
    return "shared" if found in known else "changed"


def digest_of(path, algorithm, clock):
    state = hashlib.new(algorithm)
    with tree.opened(path) as file:
        piece = file.read(PIECE_BYTES)
        while piece:
            if clock.is_up():
                raise TimeIsUpError
            state.update(piece)
            piece = file.read(PIECE_BYTES)
    return encoded(state.digest())


def encoded(digest):
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
