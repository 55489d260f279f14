"""As production runs it: what a manifest or Compose files say is what a program finds inside."""

import re

import pytest

from pytest_tfdocker.checks.peak_memory import judge_run

pytestmark = pytest.mark.engine

SMOKE = '[[tool.tfdocker.smoke]]\nname = "one"\nscript = "smoke.py"\ntimeout = "60 s"\n'
ONLY = ("-k", "limits or peak-memory")
ARBITRARY = "1000680000:0"

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
        - name: sidecar
        - name: app
          command: [python3, -m, http.server]
          args: ["$(PORT)"]
          workingDir: /srv
          env:
            - {name: PORT, value: "8099"}
            - {name: OMP_NUM_THREADS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
            - {name: WORD, valueFrom: {secretKeyRef: {name: hub, key: token}}}
          resources:
            limits: {memory: 256Mi, cpu: 500m}
          securityContext:
            runAsUser: 1000680000
            runAsGroup: 0
            readOnlyRootFilesystem: true
          volumeMounts:
            - {name: shm, mountPath: /dev/shm}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - {name: shm, emptyDir: {medium: Memory, sizeLimit: 32Mi}}
        - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
"""

INSIDE = """
import os
def size(path):
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize >> 20
def refused(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.errno
found = {
    "user": (os.getuid(), os.getgid()),
    "cwd": os.getcwd(),
    "env": [os.environ.get(name) for name in ("PORT", "OMP_NUM_THREADS", "WORD")],
    "root": (refused("/x"), refused("/srv/x")),
    "mounts": (size("/dev/shm"), size("/tmp")),
    "writes": refused("/tmp/x") is None and refused("/dev/shm/x") is None,
}
print(found)
assert found == EXPECTED, found
"""


def inside(**expected):
    return f"EXPECTED = {expected!r}\n{INSIDE}"


@pytest.fixture
def project(user_project, small_image):
    """A project whose image has a folder that its user may read."""
    user_project.write("Dockerfile", f"FROM {small_image}\nRUN mkdir -p /srv\n")
    return user_project


def test_what_a_deployment_says_is_in_force_inside(project):
    project.write("deploy/app.yaml", MANIFEST)
    project.write(
        "smoke.py",
        inside(
            user=(1000680000, 0),
            cwd="/srv",
            env=["8099", "1", "hush"],
            root=(30, 30),
            mounts=(32, 16),
            writes=True,
        ),
    )
    service = (
        '[[tool.tfdocker.smoke]]\nname = "two"\nrequest = { path = "/", port = 8099 }\n'
        'timeout = "60 s"\n'
    )
    asked = '[tool.tfdocker]\nkubernetes = "deploy/app.yaml#app"\nrun.env = ["WORD"]\n'
    project.write("pyproject.toml", f"{asked}{SMOKE}{service}")
    project.environment["WORD"] = "hush"
    said = project.judge(*ONLY)
    assert said.outcomes == dict.fromkeys(
        ("limits", "peak-memory[one]", "peak-memory[two]"), "passed"
    )
    assert said.headlines["limits"] == "memory 256 MiB, swap off, cpus 0.5, user 1000680000"
    assert "limit 256 MiB from deploy/app.yaml:19, in force" in said.texts["peak-memory[two]"]
    assert (
        "deploy/app.yaml:9: spec.template.spec.containers[0]: sidecar is not started" in said.output
    )
    assert "hush" not in said.output


def test_what_several_compose_files_say_is_in_force_inside(project):
    project.write(
        "compose.yaml",
        "services:\n  app:\n    build: .\n    user: '1:1'\n    mem_limit: 1g\n    cpus: 0.5\n"
        "    environment: {PORT: 1, OMP_NUM_THREADS: 2}\n",
    )
    project.write(
        "prod.yaml",
        f"services:\n  app:\n    mem_limit: 256m\n    user: '{ARBITRARY}'\n    read_only: true\n"
        "    tmpfs: ['/tmp:size=16m']\n    shm_size: 32m\n    working_dir: /srv\n"
        "    env_file: prod.env\n",
    )
    project.write("prod.env", "WORD=hush from a file\n")
    project.write(
        "smoke.py",
        inside(
            user=(1000680000, 0),
            cwd="/srv",
            env=["1", "2", "hush from a file"],
            root=(30, 30),
            mounts=(32, 16),
            writes=True,
        ),
    )
    project.write(
        "pyproject.toml",
        f'[tool.tfdocker]\ncompose = ["compose.yaml", "prod.yaml"]\n{SMOKE}',
    )
    said = project.judge(*ONLY)
    if "needs the docker CLI with its compose plugin" in said.output:
        pytest.skip("the docker CLI has no compose plugin here")
    assert said.outcomes == {"limits": "passed", "peak-memory[one]": "passed"}
    assert said.headlines["limits"] == "memory 256 MiB, swap off, cpus 0.5"
    assert "limit 256 MiB from prod.yaml:3, in force" in said.texts["peak-memory[one]"]
    assert "hush" not in said.output


OF_TEST = f"user {ARBITRARY} (run.user)"


@pytest.mark.parametrize(
    ("code", "settings", "told"),
    [
        (
            "import getpass; getpass.getuser()",
            {},
            f"{OF_TEST} has no entry in the image's /etc/passwd, and its name is asked for: ",
        ),
        (
            "import os; os.makedirs(os.path.expanduser('~/.cache/x'))",
            {},
            f"{OF_TEST} has no home that it may write to: `ENV HOME=/tmp`",
        ),
        (
            "open('/etc/hosts', 'a')",
            {},
            f"{OF_TEST} may not use /etc/hosts: `RUN chgrp -R 0 /etc && chmod -R g=u /etc`",
        ),
        (
            "import tempfile; tempfile.mkdtemp()",
            {"read_only": True},
            "the root file system is read-only (run.read-only): give it a tmpfs at /tmp",
        ),
        (
            "import os; os.makedirs('/srv/cache')",
            {"read_only": True},
            "the root file system is read-only (run.read-only), and it writes to /srv",
        ),
        ("import os; os.environ['HOME']; open('/tmp/x', 'w')", {"tmpfs": ["/tmp"]}, None),
    ],
)
def test_what_breaks_under_an_arbitrary_user_is_told_as_such(run, code, settings, told):
    verdict = judge_run(run(code, user=ARBITRARY, **settings))
    assert verdict.outcome == ("skipped" if told is None else "failed")
    assert told is None or verdict.details[1].startswith(told)


CLOSED = """\
RUN mkdir /app && echo 1 >/app/app.py && chown -R 1000:1000 /app && chmod -R 700 /app
RUN mkdir /closed && cp /usr/bin/python3.11 /closed/python3 && chmod 700 /closed
"""


def test_files_of_another_user_are_told_with_the_line_of_the_user(project, small_image):
    project.write("Dockerfile", f"FROM {small_image}\n{CLOSED}ENV PATH=/closed:$PATH\n")
    smoke = '[[tool.tfdocker.smoke]]\nname = "one"\ncommand = ["/usr/bin/python3", "/app/app.py"]\n'
    project.write(
        "pyproject.toml",
        f'[tool.tfdocker.run]\nuser = "{ARBITRARY}"\n{smoke}'
        '[tool.tfdocker.imports]\nmodules = ["json"]\n',
    )
    said = project.judge("-k", "peak-memory or import")
    assert said.outcomes == {"peak-memory[one]": "failed", "import[json]": "error"}
    who = f"user {ARBITRARY} (pyproject.toml:2)"
    assert (
        f"{who} may not use /app/app.py: `RUN chgrp -R 0 /app && chmod -R g=u /app`"
        in said.texts["peak-memory[one]"]
    )
    # Without any capability the runtime itself may not look into the folder
    assert f"as {who}: a folder above it may be closed to others" in said.texts["import[json]"]


def test_an_image_of_root_fails_where_production_lets_no_root_start(project):
    project.write("app.yaml", MANIFEST.replace("            runAsUser: 1000680000\n", ""))
    project.write("pyproject.toml", '[tool.tfdocker]\nkubernetes = "app.yaml#app"\n')
    said = project.judge("-k", "limits")
    assert said.outcomes == {"limits": "failed"}
    assert said.headlines["limits"] == "user root, not root asked for"
    assert "user: asked not root (app.yaml:7), found root: NOT in force" in said.texts["limits"]


def test_a_limit_above_the_machines_memory_is_taken_and_it_is_said(project, docker_client):
    have = docker_client.info()["MemTotal"]
    asked = have // 2**30 + 64
    project.write("compose.yaml", f"services: {{app: {{build: ., mem_limit: {asked}g}}}}\n")
    project.write("smoke.py", "pass")
    project.write("pyproject.toml", f'[tool.tfdocker]\ncompose = "compose.yaml"\n{SMOKE}')
    said = project.judge(*ONLY)
    assert said.exit_code == 0
    assert re.match(
        rf"memory {asked}\.00 GiB \(the machine has [\d.]+ GiB\), swap", said.headlines["limits"]
    )
    assert "limits: in force, but out of reach: the engine's machine has " in said.output
    assert re.search(r"; the machine has [\d.]+ GiB alone", said.texts["peak-memory[one]"])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "compose.yaml",
            "services:\n  app:\n    build: .\n    mem_limit: 5m\n",
            "compose.yaml:4: services.app.mem_limit: 5.0 MiB is below the engine's minimum, "
            "6.0 MiB",
        ),
        (
            "compose.yaml",
            "services:\n  app:\n    build: .\n    mem_limit: 4Q\n",
            "compose.yaml:4: services.app.mem_limit: expected a byte value such as 4G or 512m, "
            "found '4Q'",
        ),
        (
            "app.yaml",
            MANIFEST.replace("256Mi", "512m"),
            "app.yaml:19: spec.template.spec.containers[1].resources.limits.memory: '512m' is "
            "0.512 B: m is a thousandth in Kubernetes; write 512Mi or 512M",
        ),
        (
            "app.yaml",
            MANIFEST.replace("256Mi", "4GB"),
            "app.yaml:19: spec.template.spec.containers[1].resources.limits.memory: expected a "
            "quantity such as 512Mi or 4Gi, found '4GB'; write 4Gi or 4G",
        ),
    ],
)
def test_limits_that_no_engine_takes_are_a_usage_error(project, name, text, told):
    key, value = ("compose", name) if name == "compose.yaml" else ("kubernetes", f"{name}#app")
    project.write(name, text)
    project.write("pyproject.toml", f'[tool.tfdocker]\n{key} = "{value}"\n')
    said = project.judge()
    assert said.exit_code == 4
    assert told in said.output


def test_the_least_memory_that_we_take_is_what_the_engine_takes(docker_client, small_image):
    def create(memory):
        return docker_client.containers.create(small_image, ["true"], mem_limit=memory)

    create(6 * 2**20).remove()
    with pytest.raises(Exception, match="inimum memory limit"):
        create(6 * 2**20 - 1)
