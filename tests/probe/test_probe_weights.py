"""When a process has a file of weights mapped or open, and who of some processes is dying."""

import pytest

from pytest_tfdocker.evidence.owners import WEIGHTS

MODULES = ("processes", "weights")
HOLDER = """
import mmap, sys, time
file = open(sys.argv[1], "rb")
area = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
if sys.argv[2] == "mapped":
    file.close()
else:
    area.close()
print("there", flush=True)
sys.stdin.read()
"""
HOLDS = """
    import subprocess, sys
    import tfdocker_weights as weights
    holder, path, how, pattern = plan
    held = subprocess.Popen([sys.executable, "-c", holder, path, how],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert held.stdout.readline() == b"there\\n"
    watch = weights.Watch(pattern)
    during = watch.uses_weights(held.pid)
    held.communicate()
    return [during, watch.uses_weights(held.pid)]
"""


@pytest.mark.parametrize("how", ["mapped", "open"])
@pytest.mark.parametrize(
    ("name", "size", "found"),
    [
        ("model.safetensors", 2 << 20, True),
        ("model.safetensors", 4096, False),
        ("table.parquet", 2 << 20, False),
    ],
    ids=["weights", "too small", "no weights"],
)
def test_weights_are_seen_while_they_are_in_use(end_python, ask, tmp_path, how, name, size, found):
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    data = [HOLDER, str(path), how, WEIGHTS.pattern]
    assert ask(end_python, MODULES, HOLDS, data=data) == [found, False]


DIES = """
    import signal, subprocess, sys
    import tfdocker_processes as processes
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    pids = [child.pid for child in children]
    killed = processes.Killed([processes.Candidate("sleep", pid) for pid in pids])
    killed.look(1)
    before = killed.told()
    children[1].kill()
    while not killed.gone:
        killed.look(1)
    after = killed.told()
    children[0].kill()
    for child in children:
        child.wait()
    return [pids, before, after]
"""


def test_who_was_killed_is_told_from_who_lives(end_python, ask):
    [lives, dies], before, after = ask(end_python, MODULES, DIES)
    assert before == {"gone": [], "alive": []}
    assert after == {"gone": [["sleep", dies]], "alive": [["sleep", lives]]}


SIGNALLED = """
    import subprocess, time
    import tfdocker_processes as processes
    child = subprocess.Popen(["sleep", "60"])
    time.sleep(0.2)
    one = processes.Candidate("sleep", child.pid)
    seen = [[one.is_killed(), one.is_over()]]
    child.kill()
    child.wait()
    seen.append([one.is_killed(), one.is_over()])
    one.close()
    return seen
"""


def test_of_a_process_that_is_gone_nothing_but_its_end_is_told(end_python, ask):
    assert ask(end_python, MODULES, SIGNALLED) == [[False, False], [False, True]]
