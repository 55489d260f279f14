# Runs on the interpreter that the image's service would run on, as plainly as the service does.
# The cookies keep what a sitecustomize prints apart from the answer.
import json
import os
import platform
import sys

cookie = sys.argv[1]


def implementation_version():
    info = sys.implementation.version
    text = "%d.%d.%d" % (info[0], info[1], info[2])
    if info[3] != "final":
        text += info[3][0] + str(info[4])
    return text


sys.stdout.write(
    cookie
    + json.dumps(
        {
            "executable": sys.executable,
            "version": platform.python_version(),
            "platform": "%s %s" % (sys.platform, platform.machine()),
            "prefix": sys.prefix,
            "path": [p for p in sys.path if p and os.path.isabs(p)],
            "environment": {
                "implementation_name": sys.implementation.name,
                "implementation_version": implementation_version(),
                "os_name": os.name,
                "platform_machine": platform.machine(),
                "platform_python_implementation": platform.python_implementation(),
                "platform_release": platform.release(),
                "platform_system": platform.system(),
                "platform_version": platform.version(),
                "python_full_version": platform.python_version(),
                "python_version": "%d.%d" % sys.version_info[:2],
                "sys_platform": sys.platform,
            },
        }
    )
    + cookie[::-1]
    + "\n"
)
