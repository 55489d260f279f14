# Lists the large files that this user can see, volumes included.
import json
import os
import stat
import sys

cookie, root, least_bytes, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
KERNELS = ("/proc", "/sys", "/dev")


def find():
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if os.path.join(folder, name) not in KERNELS]
        for name in files:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
                path.encode("utf-8")
            except (OSError, UnicodeError):
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size >= least_bytes:
                found.append((status.st_size, path))
    return [path for _, path in sorted(found, reverse=True)[:most]]


print(cookie + json.dumps({"paths": find()}) + cookie[::-1])
