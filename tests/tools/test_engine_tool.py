"""tools/engine, run as a person runs it. No test stops an engine that something else uses."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "engine"
SHARED_ROOT = Path("/var/lib/tfdocker-engine/root")


def run_tool(
    *arguments: str, home: Path, user: int | None = None, tool: Path = TOOL, **env: str
) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")
    }
    return subprocess.run(
        [tool, *arguments],
        env=inherited | {"TFDOCKER_ENGINE_HOME": str(home)} | env,
        capture_output=True,
        text=True,
        timeout=120,
        user=user,
        check=False,
    )


def own_socket(home: Path) -> str:
    return f"unix://{home}/docker.sock"


@pytest.mark.parametrize(
    "arguments", [[], ["start"], ["up", "down"], ["down", "--all"], ["up", "--purge"]]
)
def test_bad_arguments_exit_2_with_the_usage(arguments, tmp_path):
    result = run_tool(*arguments, home=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith('usage: eval "$(tools/engine up)"')


def test_help_is_asked_for_and_so_goes_to_stdout(tmp_path):
    result = run_tool("--help", home=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith('usage: eval "$(tools/engine up)"')


def test_status_without_an_engine_says_how_to_get_one(tmp_path):
    result = run_tool("status", home=tmp_path, DOCKER_HOST=own_socket(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr == 'tools/engine: no engine answers; start one: eval "$(tools/engine up)"\n'
    )


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT"])
@pytest.mark.parametrize("command", ["up", "status"])
def test_an_engine_that_the_user_names_is_never_replaced(name, command, tmp_path):
    value = f"unix://{tmp_path}/theirs.sock"
    result = run_tool(command, home=tmp_path / "home", **{name: value})
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr
        == f"tools/engine: {name}={value} doesn't answer: start that engine, or unset {name}\n"
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it as somebody else")
def test_up_without_root_is_refused(tmp_path):
    with tempfile.TemporaryDirectory() as folder:  # a checkout may lie where root alone may look
        Path(folder).chmod(0o755)
        tool = shutil.copytree(TOOL.parent, Path(folder) / "tools") / TOOL.name
        host = own_socket(tmp_path)
        result = run_tool("up", home=tmp_path, user=65534, tool=tool, DOCKER_HOST=host)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("tools/engine: no engine answers, and none can be started: ")
    assert result.stderr.endswith("; start Docker or set DOCKER_HOST\n")


def test_a_home_that_is_too_long_for_a_socket_is_refused(tmp_path):
    home = tmp_path / ("x" * 100)
    result = run_tool("up", home=home, DOCKER_HOST=own_socket(home))
    assert (result.returncode, result.stdout) == (1, "")
    assert not home.exists()


def test_down_where_nothing_runs_says_so(tmp_path):
    result = run_tool("down", home=tmp_path / "home")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "tools/engine: no private engine is there\n"


@pytest.mark.engine
def test_up_beside_an_engine_that_answers_names_that_one_each_time(tmp_path):
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    first = run_tool("up", home=tmp_path / "home", DOCKER_HOST=host)
    if first.returncode:
        pytest.skip(f"no engine answers at {host}")
    second = run_tool("up", home=tmp_path / "home", DOCKER_HOST=host)
    assert first.stdout == second.stdout == f"export DOCKER_HOST={host}\n"
    assert "using the engine that answers" in second.stderr
    assert not (tmp_path / "home").exists()


# In network and mount namespaces of its own, on an overlay of the root that is there, so that no
# engine that others use can notice.
LIFE = """
set -euo pipefail
exec 2>&1
mkdir -p "$TFDOCKER_ENGINE_HOME"/{root,upper,work}
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_forward
cd "$TFDOCKER_ENGINE_HOME"
mount -t overlay overlay -o "lowerdir=$SHARED_ROOT,upperdir=upper,workdir=work" root
state() { # interfaces, forwarding, and every chain, rule or policy that a fresh network has not
  ip -o link | cut -d ' ' -f 2
  cat /proc/sys/net/ipv4/ip_forward
  chroot "$SHARED_ROOT" iptables-save | grep -e '^-' -e '^:.* - ' -e DROP || true
}
state >"$OUT/before"
"$TOOL" up >"$OUT/first" 2>"$OUT/said"
began=${EPOCHREALTIME/[.,]/}
"$TOOL" up >"$OUT/second"
echo $((${EPOCHREALTIME/[.,]/} - began)) >"$OUT/microseconds"
eval "$(cat "$OUT/first")"
"$TOOL" status >"$OUT/status"
docker() { "$SHARED_ROOT/usr/bin/docker" "$@"; }
docker buildx version >"$OUT/buildx"
printf 'FROM scratch\\nLABEL a=b\\n' | docker buildx build --quiet --tag kept - >/dev/null
docker network create extra >/dev/null
"$TOOL" down
state >"$OUT/after"
grep -l -e "--data-root=$TFDOCKER_ENGINE_HOME" /proc/[0-9]*/cmdline >"$OUT/left" || true
grep "$PWD/" /proc/self/mountinfo | grep -v "$PWD/root " >>"$OUT/left" || true
"$TOOL" up >"$OUT/third"
docker image inspect --format '{{.RepoTags}}' kept >"$OUT/kept"
kill -KILL "$(cat "$TFDOCKER_ENGINE_HOME/engine.pid")"
"$TOOL" up >"$OUT/after-crash"
"$TOOL" down
umount root
cd /
"$TOOL" down --purge
"""


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """What a private engine's life left behind and said, file by file."""
    if os.geteuid() != 0 or not SHARED_ROOT.is_dir():
        pytest.skip(
            f"needs root, and {SHARED_ROOT}: tools/engine up makes it where no engine answers"
        )
    out = tmp_path_factory.mktemp("life")
    env = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    env |= {"OUT": str(out), "TOOL": str(TOOL), "SHARED_ROOT": str(SHARED_ROOT)}
    env |= {"TFDOCKER_ENGINE_HOME": str(out / "home"), "DOCKER_HOST": own_socket(out / "home")}
    command = ["unshare", "--mount", "--net", "bash", "-c", LIFE]
    result = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=180, check=False
    )
    assert result.returncode == 0, result.stdout
    return out


@pytest.mark.engine
def test_up_prints_the_same_exports_each_time(life):
    first = (life / "first").read_text()
    assert first.splitlines()[:2] == [
        f"export DOCKER_HOST={own_socket(life / 'home')}",
        f"export DOCKER_CONFIG={life}/home/config",
    ]
    assert (
        first
        == (life / "second").read_text()
        == (life / "third").read_text()
        == (life / "after-crash").read_text()
    )


@pytest.mark.engine
def test_up_beside_the_running_private_engine_takes_less_than_a_second(life):
    assert int((life / "microseconds").read_text()) < 1_000_000


@pytest.mark.engine
def test_status_names_the_private_engine(life):
    assert (
        (life / "status")
        .read_text()
        .endswith(f" answers at {own_socket(life / 'home')}, the private engine\n")
    )


@pytest.mark.engine
def test_the_exported_config_brings_buildx(life):
    assert (life / "buildx").read_text().startswith("github.com/docker/buildx ")


@pytest.mark.engine
def test_down_leaves_no_process_no_mount_and_the_network_as_it_was(life):
    assert (life / "left").read_text() == ""
    assert (life / "after").read_text() == (life / "before").read_text()


@pytest.mark.engine
def test_images_outlive_down(life):
    assert (life / "kept").read_text() == "[kept:latest]\n"


@pytest.mark.engine
def test_purge_removes_the_folder(life):
    assert not (life / "home").exists()
