"""A second engine of the tests' own, which keeps images in the containerd store."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60
"""For its start, and for its end."""
ROOT = Path(os.environ.get("TFDOCKER_ENGINE_HOME", "/var/lib/tfdocker-engine"), "root")
PROGRAMS = ("setpriv", "unshare", "pivot_root", "chroot", "docker")
ENTER = """\
set -eu
mkdir "$home/upper" "$home/work" "$home/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$home/upper,workdir=$home/work" "$home/root"
mkdir -p "$home/root/old" "$home/root$home" "$home/root/etc/docker"
mount --rbind /sys "$home/root/sys"
mount --rbind /dev "$home/root/dev"
mount -t proc proc "$home/root/proc"
mount -t tmpfs tmpfs "$home/root/run"
mount --bind "$home" "$home/root$home"
echo '{"features": {"containerd-snapshotter": true}}' >"$home/root/etc/docker/daemon.json"
cd "$home/root"
pivot_root . old
exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -euc '
  umount -l /old
  exec docker-init -- dockerd "$@"' sh --host="unix://$home/docker.sock" --group=root \\
  --data-root="$home/data" --pidfile=/run/dockerd.pid --bridge=none \\
  --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
"""
"""PID 1 of mount and PID namespaces: when it ends, each process and mount of the engine ends. The
private engine's root is what it reads, and it writes beside that. It has no network."""
COMMAND = (
    *("setpriv", "--pdeathsig", "KILL"),  # with the tests
    *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
    *("sh", "-c", ENTER),
)


def why_none() -> str | None:
    """Why no such engine can be had here."""
    if os.geteuid():
        return "an engine with a containerd store is started by root alone"
    if not (ROOT / "usr/sbin/dockerd").exists():
        return f"an engine with a containerd store needs the private engine's root, {ROOT}"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"an engine with a containerd store needs {missing[0]}" if missing else None


@contextmanager
def containerd_engine() -> Iterator[str]:
    """Its DOCKER_HOST. Whatever happens the engine ends, and its folder goes."""
    # On a disk, under a short path: a socket's name has 107 bytes at most
    home = Path(tempfile.mkdtemp(prefix="tfdocker-test-", dir="/var/tmp"))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            COMMAND,
            env={**os.environ, "lower": str(ROOT), "home": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(process, home)
            yield f"unix://{home}/docker.sock"
        finally:
            _stop(process)
            shutil.rmtree(home)


def _wait_for(process: subprocess.Popen[bytes], home: Path) -> None:
    until = time.monotonic() + SECONDS
    ask = ["docker", "--host", f"unix://{home}/docker.sock", "version"]
    while subprocess.run(ask, capture_output=True, check=False).returncode:
        said = (home / "log").read_text(errors="replace")[-2000:]
        assert process.poll() is None, f"dockerd ended:\n{said}"
        assert time.monotonic() < until, f"dockerd doesn't answer:\n{said}"
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """By the first process in its namespaces, whose end is that of all others."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for pid in children.read_text().split() if process.poll() is None else ():
        os.kill(int(pid), signal.SIGTERM)
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
