# Runs as `python -B -I -S -c THIS COOKIE`. It must parse on every Python 3, to say that it is old.
import sys

cookie = sys.argv[1]
if sys.version_info < (3, 7):
    sys.stdout.write(
        '%s{"too_old": "%d.%d.%d"}%s\n'
        % ((cookie,) + tuple(sys.version_info[:3]) + (cookie[::-1],))
    )
    sys.stdout.flush()
    sys.exit(0)

import json
import os
import types


def read_exactly(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, min(count - len(data), 1 << 20))
        if not piece:
            os._exit(3)
        data += piece
    return data


def report(value):
    data = (cookie + json.dumps(value) + cookie[::-1] + "\n").encode("ascii")
    while data:
        data = data[os.write(1, data) :]


header = b""
while not header.endswith(b"\n"):
    header += read_exactly(1)
files = {}
for name, size in json.loads(header.decode("ascii")):
    kind, _, name = name.partition(":")
    data = read_exactly(size)
    if kind == "module":
        module = types.ModuleType("tfdocker_" + name)
        sys.modules["tfdocker_" + name] = module
        exec(compile(data.decode("utf-8"), "<tfdocker %s>" % name, "exec"), module.__dict__)
    elif kind == "file":
        files[name] = data
    else:
        plan = json.loads(data.decode("utf-8"))
        main = sys.modules["tfdocker_" + name].main
try:
    main(plan, files, report)
except BaseException:
    import traceback

    report({"crash": traceback.format_exc()})
