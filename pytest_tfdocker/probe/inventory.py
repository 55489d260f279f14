# PID 1 of an inventory: the interpreter, its distributions and every file, in one container start.
import json
import os
import select
import signal
import threading
import time

import tfdocker_distributions as distributions
import tfdocker_files as files
import tfdocker_resolve as resolve
import tfdocker_rpm_data as rpm_data

ASK_SECONDS = 30


def main(plan, parts, report):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(4))
    signal.alarm(plan["deadline_seconds"])
    threading.Thread(target=end_with_the_lifeline, daemon=True).start()
    interpreter = find_interpreter(plan, parts["ask_interpreter"].decode("utf-8"))
    installed = distributions.of_path(interpreter.get("path", []))
    distributions.mark_os_owned(installed)
    walk = files.Walk(plan["volumes"])
    result = {"interpreter": interpreter, "files": walk.run(), "distributions": installed}
    known = {distribution["location"] for distribution in installed}
    others = sorted(
        folder for folder in walk.site_packages if folder not in known and has_distributions(folder)
    )
    elsewhere = distributions.of_path(others)
    distributions.mark_os_owned(elsewhere)
    keys = ("name", "version", "installer", "path")
    result["elsewhere"] = [{key: one[key] for key in keys} for one in elsewhere]
    result["others"] = [distributions.clean(folder) for folder in others]
    result["listing"] = files.packed(walk.listing)
    identical = files.identical(walk.listing) if plan["contents"] else []
    result["identical"] = files.packed(identical)
    result["owned"] = files.packed(
        {
            "distributions": [distributions.recorded(one) for one in installed + elsewhere],
            "dpkg": distributions.dpkg_lists(),
            "apk": distributions.read_text("/lib/apk/db/installed"),
        }
    )
    result["rpm"] = rpm_data.databases()
    for distribution in installed + result["elsewhere"]:
        for key in ("path", "location", "shadowed_by", "direct_url"):
            if distribution.get(key) is not None:
                distribution[key] = distributions.clean(distribution[key])
    report(result)


def end_with_the_lifeline():
    while os.read(0, 4096):
        pass
    os._exit(3)


def has_distributions(folder):
    names = distributions.names_in(folder)
    return any(name.endswith((".dist-info", ".egg-info")) for name in names)


def find_interpreter(plan, program):
    os.environ.update(home_of(plan["user"]))
    environment = dict(os.environ)  # to follow a shell's text, `resolve` changes its own
    if plan["python"]:
        path, reason = resolve.which(plan["python"]), "python = %s of the settings" % plan["python"]
    else:
        path, reason = resolve.interpreter(plan["entrypoint"], plan["command"])
    if path is None:
        return {"error": "no Python: %s" % reason}
    try:
        answer = ask(path, program, environment)
    except (OSError, ValueError) as error:
        return {"error": "%s does not run: %s" % (path, error)}
    answer["executable"] = answer["executable"] or path
    answer["reason"] = reason
    return answer


def home_of(user):
    """HOME of the image's own user, on which its user site-packages hang; the inventory is root."""
    wanted = user.partition(":")[0]
    try:
        with open("/etc/passwd", errors="replace") as lines:
            for line in lines:
                fields = line.rstrip("\n").split(":")
                if len(fields) > 5 and wanted in (fields[0], fields[2]):
                    return {"HOME": fields[5]}
    except OSError:
        pass
    return {}


def ask(path, program, environment):
    """What the interpreter says of itself, started as plainly as the service would start it."""
    cookie = os.urandom(16).hex()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            os.execve(path, [path, "-B", "-c", program, cookie], environment)
        except OSError as error:
            os.write(writing, error.strerror.encode())
        os._exit(127)
    os.close(writing)
    output = read_until(reading, time.monotonic() + ASK_SECONDS)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    text = output.decode("utf-8", "replace")
    start, end = text.find(cookie), text.find(cookie[::-1])
    if start < 0 or end < 0:
        raise ValueError(text.strip()[-400:] or "no answer within %d s" % ASK_SECONDS)
    return json.loads(text[start + len(cookie) : end])


def read_until(reading, deadline):
    output = b""
    while len(output) < 1 << 20:
        ready = select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]
        piece = os.read(reading, 65536) if ready else b""
        if not piece:
            break
        output += piece
    os.close(reading)
    return output
