# PID 1 of an inventory: the interpreter, its distributions and every file, in one container start.
import json
import os
import select
import signal
import time

import tfdocker_aside as aside
import tfdocker_files as files
import tfdocker_identical as identical
import tfdocker_lifeline as lifeline

ASK_SECONDS = 30


def main(plan, parts, report):
    lifeline.hold(plan["deadline_seconds"])
    program = parts["ask_interpreter"].decode("utf-8")
    asked = aside.Aside(lambda: find_interpreter(plan, program))
    walk = files.Walk(plan["volumes"])
    result = {"files": walk.run()}
    result["interpreter"] = interpreter = asked.result()
    paths = interpreter.get("path", [])
    installed = aside.Aside(lambda: find_installed(paths, walk.site_packages))
    listed = {"listing": files.packed(walk.listing)}
    if plan["blocks"]:
        listed["blocks"] = files.packed([walk.blocks_of, walk.folders])
    # The host does what it has to do with one, while the next is made
    report(listed)
    result.update(installed.result())
    report(result)
    compared = identical.compare(walk.listing if plan["contents"] else [])
    report({"contents": files.packed(compared)})


def find_installed(paths, site_packages):
    import tfdocker_distributions as distributions
    import tfdocker_rpm_data as rpm_data

    found = distributions.everything(paths, site_packages)
    found["owned"] = files.packed(found["owned"])
    found["rpm"] = rpm_data.databases()
    return found


def find_interpreter(plan, program):
    import tfdocker_environments as environments  # not before the walk, as are those below
    import tfdocker_resolve as resolve

    environments.take_home(plan["user"])
    environment = dict(os.environ)  # to follow a shell's text, `resolve` changes its own
    path, reason = resolve.chosen(plan)
    if path is None:
        return {"error": "no Python: %s" % reason}
    try:
        answer = ask(path, program, environment)
    except (OSError, ValueError) as error:
        return {"error": "%s does not run: %s" % (path, error)}
    answer["executable"] = answer["executable"] or path
    answer["reason"] = reason
    return answer


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
