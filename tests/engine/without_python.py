"""Images made FROM scratch of one shell, and at most a few programs more: no Python is in them."""

import json

_COPY = """
import os, pathlib, re, shutil, subprocess, sys

def copy(path, to):
    target = pathlib.Path('/out' + to)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)

for word in sys.argv[1:]:
    path, _, to = word.partition(':')
    traced = dict(os.environ, LD_TRACE_LOADED_OBJECTS='1')
    shown = subprocess.run([path], env=traced, stdout=subprocess.PIPE).stdout.decode()
    copy(path, to or path)
    for library in re.findall(r'(/\\S+) \\(0x', shown):
        copy(library, library)
"""


def dockerfile(base, *programs, prepare="", end=""):
    """The text of one. `programs` are those of `base`: "PATH", or "PATH:PATH IN THE IMAGE"."""
    copy = json.dumps(["python3", "-c", _COPY, *programs])
    stage = f"FROM {base} AS programs\n{prepare}\nRUN {copy}\n"
    return f"{stage}FROM scratch\nCOPY --from=programs /out /\n{end}\n"
