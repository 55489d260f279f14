"""One container of a Kubernetes manifest, beneath the settings."""

from pathlib import Path

import pytest

from pytest_tfdocker.settings.kubernetes_container import Container
from pytest_tfdocker.settings.kubernetes_file import Found
from pytest_tfdocker.settings.kubernetes_resources import read_resources

OWN = "tfdocker.toml"
MANIFEST = "deploy/app.yaml"
ASKED = 'kubernetes = "deploy/app.yaml"\n'
GIB = 2**30
MIB = 2**20
IN_CONTAINER = "spec.template.spec.containers[0]"

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: embed}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: embed
spec:
  replicas: 2
  template:
    metadata: {labels: {app: embed}}
    spec:
      securityContext:
        runAsUser: 1000
        runAsNonRoot: true
      containers:
        - name: app
          image: registry.example/embed:1.4
          command: ["python"]
          args: ["app.py", "--port=$(PORT)"]
          ports: [{containerPort: 5000}]
          readinessProbe: {httpGet: {path: /healthz, port: 5000}}
          env:
            - name: PORT
              value: "5000"
          resources:
            requests:
              memory: 2Gi
              cpu: 500m
            limits:
              memory: 4Gi
              cpu: "2"
          securityContext:
            runAsGroup: 2000
            readOnlyRootFilesystem: true
          volumeMounts:
            - name: shm
              mountPath: /dev/shm
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: shm
          emptyDir:
            medium: Memory
            sizeLimit: 1Gi
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: 256Mi
"""


def test_a_deployment_says_how_production_runs_it(load):
    (image,) = load({MANIFEST: SERVICE, OWN: ASKED}).images
    run = image.settings.run
    assert (run.memory, run.cpus) == (4 * GIB, 2.0)
    assert (run.user, run.non_root, run.read_only) == ("1000:2000", True, True)
    assert (run.entrypoint, run.command) == (["python"], ["app.py", "--port=5000"])
    assert (run.env, run.port) == (["PORT=5000"], 5000)
    assert (run.shm_size, run.tmpfs) == (GIB, [f"/tmp:exec,size={256 * MIB}"])
    assert image.origins == {
        "kubernetes": "tfdocker.toml:1",
        "run.memory": "deploy/app.yaml:33",
        "run.cpus": "deploy/app.yaml:34",
        "run.user": "deploy/app.yaml:16",
        "run.non-root": "deploy/app.yaml:17",
        "run.read-only": "deploy/app.yaml:37",
        "run.entrypoint": "deploy/app.yaml:21",
        "run.command": "deploy/app.yaml:22",
        "run.env": "deploy/app.yaml:25",
        "run.port": "deploy/app.yaml:23",
        "run.shm-size": "deploy/app.yaml:45",
        "run.tmpfs": "deploy/app.yaml:49",
    }
    counts = "is memory: what is written there counts to the limit"
    assert image.notes == [
        f"deploy/app.yaml:45: spec.template.spec.volumes[0].emptyDir: /dev/shm {counts}",
        f"deploy/app.yaml:49: spec.template.spec.volumes[1].emptyDir: /tmp {counts}",
    ]


def test_the_settings_win_over_the_manifest_key_by_key(load):
    toml = f'{ASKED}[run]\nmemory = "8 GiB"\nenv = ["PORT=6000", "TOKEN"]\n'
    (image,) = load({MANIFEST: SERVICE, OWN: toml}).images
    run = image.settings.run
    assert (run.memory, run.cpus) == (8 * GIB, 2.0)
    assert (run.env, run.command) == (["PORT=6000", "TOKEN"], ["app.py", "--port=6000"])
    assert image.origins["run.memory"] == "tfdocker.toml:3"


def test_each_image_may_have_a_container_of_its_own(load):
    pods = "\n---\n".join(
        f"kind: Pod\nspec: {{containers: [{{name: {name}, "
        f"resources: {{limits: {{memory: {name}Gi}}}}}}]}}"
        for name in ("1", "2")
    )
    toml = "".join(f'[images.i{n}]\nkubernetes = "deploy/app.yaml#{n}"\n' for n in (1, 2))
    one, two = load({MANIFEST: pods, OWN: toml}).images
    assert (one.settings.run.memory, two.settings.run.memory) == (GIB, 2 * GIB)
    assert two.origins["run.memory"] == "deploy/app.yaml:5"


POD = "containers: [{name: app, resources: {limits: {memory: 1Gi}}}]"


@pytest.mark.parametrize(
    "text",
    [
        f"kind: Pod\nspec: {{{POD}}}",
        *(
            f"kind: {kind}\nspec: {{template: {{spec: {{{POD}}}}}}}"
            for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "Rollout")
        ),
        f"kind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{{POD}}}}}}}}}}}",
        f"kind: List\nitems: [{{kind: ConfigMap}}, {{kind: Pod, spec: {{{POD}}}}}]",
        f"---\n# nothing\n---\nkind: Namespace\n---\nkind: Pod\nspec: {{{POD}}}",
    ],
)
def test_every_kind_of_workload_is_read(load, text):
    (image,) = load({MANIFEST: text, OWN: ASKED}).images
    assert image.settings.run.memory == GIB


def test_an_init_container_is_read_where_it_is_named(load):
    pod = (
        "containers: [{name: app, resources: {limits: {memory: 1Gi}}}], "
        "initContainers: [{name: fetch, resources: {limits: {memory: 2Gi}}}]"
    )
    text = f"kind: Pod\nspec: {{{pod}}}"
    (image,) = load({MANIFEST: text, OWN: ASKED}).images
    assert image.settings.run.memory == GIB
    assert image.notes == ["deploy/app.yaml:2: spec.initContainers[0]: fetch is not run before it"]
    (image,) = load({OWN: 'kubernetes = "deploy/app.yaml#fetch"'}).images
    assert image.settings.run.memory == 2 * GIB
    assert image.notes == ["deploy/app.yaml:2: spec.containers[0]: app is not started"]


def test_a_container_of_one_name_in_several_workloads_is_told_by_theirs(load, problems):
    text = "\n---\n".join(
        f"kind: {kind}\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: app}}]}}"
        for kind, name in (("Pod", "a"), ("Pod", "b"), ("Other", "b"))
    )
    listed = "Pod/a/app, Pod/b/app, Other/b/app"
    assert problems({MANIFEST: text, OWN: ASKED}) == [
        "tfdocker.toml:1: kubernetes: 'deploy/app.yaml' has several containers; "
        f"write deploy/app.yaml#CONTAINER, of {listed}"
    ]
    assert problems({OWN: 'kubernetes = "deploy/app.yaml#b/app"'}) == [
        "tfdocker.toml:1: kubernetes: 'deploy/app.yaml' has several containers 'b/app'; "
        "write deploy/app.yaml#CONTAINER, of Pod/b/app, Other/b/app"
    ]
    for wanted in ("a/app", "Other/b/app"):
        (image,) = load({OWN: f'kubernetes = "deploy/app.yaml#{wanted}"'}).images
        assert image.notes == []


@pytest.mark.parametrize(
    ("quantity", "memory"),
    [
        ("4Gi", 4 * GIB),
        ("4G", 4 * 10**9),
        ("512Mi", 512 * MIB),
        ("512M", 512 * 10**6),
        ("10000Ki", 10000 * 1024),
        ("10000k", 10**7),
        ("1.5Gi", 1536 * MIB),
        ("129e6", 129 * 10**6),
        ("1E", 10**18),
        ("1E9", 10**9),
        ("1073741824", GIB),
        ("7340032.5", 7340033),
        ("'1Gi'", GIB),
        ("+1Gi", GIB),
        ("6Mi", 6 * MIB),
        ("0", None),
    ],
)
def test_quantities_of_memory_are_exact(container, quantity, memory):
    image = container(f"resources: {{limits: {{memory: {quantity}}}}}")
    assert image.settings.run.memory == memory


@pytest.mark.parametrize(
    ("quantity", "cpus"),
    [("500m", 0.5), ("2", 2.0), ("'0.5'", 0.5), ("1500m", 1.5), ("5m", 0.01), ("0", None)],
)
def test_quantities_of_cpus(container, quantity, cpus):
    assert container(f"resources: {{limits: {{cpu: {quantity}}}}}").settings.run.cpus == cpus


def _of_resources(requests, limits):
    """A container with these alone, once they are read."""
    resources = {"requests": requests, "limits": limits}
    found = Found(
        path=Path(MANIFEST),
        name=MANIFEST,
        lines={},
        item={},
        pod_keys=("spec",),
        pod={},
        keys=("spec", "containers", 0),
        container={"resources": resources},
    )
    container = Container(found, {})
    read_resources(container)
    return container


def test_a_request_may_be_its_limit_at_every_thousandth_of_a_cpu():
    amounts = [f"{thousandths}m" for thousandths in range(1, 2001)]
    problems = [_of_resources({"cpu": one}, {"cpu": one}).problems for one in amounts]
    assert problems == [[]] * 2000


@pytest.mark.parametrize(
    ("name", "asked", "limit", "is_more"),
    [
        ("cpu", "700m", 0.7, False),
        ("cpu", 1.1, "1100m", False),
        ("cpu", "700001u", "700m", True),
        ("cpu", "5m", "1m", True),
        ("cpu", "1m", "0", False),
        ("memory", "1Gi", "1024Mi", False),
        ("memory", "1073741825", "1Gi", True),
    ],
)
def test_a_request_is_held_against_the_limit_as_it_is_written(name, asked, limit, is_more):
    problems = _of_resources({name: asked}, {name: limit}).problems
    told = f"{MANIFEST}:1: spec.containers[0].resources.requests.{name}: is more than the limit, "
    assert problems == ([told + limit] if is_more else [])


@pytest.mark.parametrize(
    ("limits", "expect"),
    [
        ("nvidia.com/gpu: 1", "required"),
        ("nvidia.com/gpu: '2'", "required"),
        ("nvidia.com/mig-1g.5gb: 1", "required"),
        ("nvidia.com/gpu: 0", "auto"),
        ("memory: 1Gi", "auto"),
    ],
)
def test_a_gpu_in_the_limits_is_one_that_is_required(container, limits, expect):
    image = container(f"resources: {{limits: {{{limits}}}}}")
    assert image.settings.gpu.expect == expect
    assert image.origins.get("gpu.expect") == ("app.yaml:9" if expect == "required" else None)
    assert image.notes == []


def test_the_own_security_context_counts_before_that_of_the_pod(container):
    image = container(
        "securityContext: {runAsUser: 5, runAsNonRoot: false, seccompProfile: "
        "{type: RuntimeDefault}, privileged: false, allowPrivilegeEscalation: true}",
        pod=["securityContext: {runAsUser: 1, runAsGroup: 2, runAsNonRoot: true}"],
    )
    run = image.settings.run
    assert (run.user, run.non_root, run.read_only) == ("5:2", False, False)
    assert image.notes == []


def test_an_arbitrary_uid_alone_has_the_group_that_the_image_gives_it(container):
    assert container("securityContext: {runAsUser: 1000680000}").settings.run.user == "1000680000"


def test_a_group_without_a_user_is_noted(container):
    image = container("securityContext: {runAsGroup: 5}")
    assert image.settings.run.user is None
    assert image.notes == [
        f"app.yaml:9: {IN_CONTAINER}.securityContext.runAsGroup: "
        "without runAsUser it is not honoured; set run.user"
    ]


def test_command_and_args_replace_what_docker_calls_entrypoint_and_command(container):
    both = container("command: [a, b]", "args: [c]").settings.run
    assert (both.entrypoint, both.command) == (["a", "b"], ["c"])
    alone = container("args: [c]").settings.run
    assert (alone.entrypoint, alone.command) == (None, ["c"])
    empty = container("command: []", "args: []", "workingDir: ''").settings.run
    assert (empty.entrypoint, empty.command, empty.workdir) == (None, None, None)
    assert container("workingDir: /srv").settings.run.workdir == "/srv"


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(A)", "x1y1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NOPE)", "$(NOPE)"),
        ("$A ${A} $ $(A", "$A ${A} $ $(A"),
        ("$(B)", "1/2"),
        ("$(LATER)", "3"),
    ],
)
def test_references_are_replaced_as_kubernetes_does(container, word, found):
    image = container(
        "env: [{name: A, value: '1'}, {name: B, value: $(A)/2}, {name: C, value: $(LATER)}, "
        "{name: LATER, value: '3'}, {name: EMPTY}]",
        f"args: ['{word}']",
    )
    assert image.settings.run.command == [found]
    assert image.settings.run.env == ["A=1", "B=1/2", "C=$(LATER)", "LATER=3", "EMPTY="]
    assert image.notes == []


FROM_ELSEWHERE = [
    "env:",
    "  - {name: TOKEN, valueFrom: {secretKeyRef: {name: hub, key: token}}}",
    "  - {name: LEVEL, valueFrom: {configMapKeyRef: {name: conf, key: level}}}",
    "  - {name: HERE, valueFrom: {fieldRef: {fieldPath: status.podIP}}}",
    "  - {name: URL, value: 'http://$(TOKEN)@x'}",
    "envFrom: [{configMapRef: {name: all}}]",
    "args: [--level, $(LEVEL)]",
]


def test_what_comes_from_elsewhere_is_noted_with_the_way_out(container):
    image = container(*FROM_ELSEWHERE)
    assert image.settings.run.env == ["URL=http://$(TOKEN)@x"]
    assert image.notes == [
        f"app.yaml:10: {IN_CONTAINER}.env[0]: TOKEN isn't set, secretKeyRef hub, key token is not "
        "read; name it in run.env",
        f"app.yaml:11: {IN_CONTAINER}.env[1]: LEVEL isn't set, configMapKeyRef conf, key level is "
        "not read; name it in run.env",
        f"app.yaml:12: {IN_CONTAINER}.env[2]: HERE isn't set, fieldRef status.podIP is not read; "
        "name it in run.env",
        f"app.yaml:13: {IN_CONTAINER}.env[3].value: $(TOKEN) stays as it is written, since TOKEN "
        "isn't known here",
        f"app.yaml:14: {IN_CONTAINER}.envFrom[0]: configMapRef all is not read; name what it sets "
        "in run.env",
        f"app.yaml:15: {IN_CONTAINER}.args[1]: $(LEVEL) stays as it is written, since LEVEL isn't "
        "known here",
    ]


def test_the_way_out_is_one(container):
    toml = 'kubernetes = "app.yaml"\nrun.env = ["TOKEN", "LEVEL=info", "HERE=1.2.3.4"]\n'
    image = container(*FROM_ELSEWHERE, toml=toml, environ={"TOKEN": "x"})
    run = image.settings.run
    assert run.env == ["URL=http://$(TOKEN)@x", "TOKEN", "LEVEL=info", "HERE=1.2.3.4"]
    assert run.command == ["--level", "info"]
    assert [note.partition(": ")[0] for note in image.notes] == ["app.yaml:13", "app.yaml:14"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("{resource: limits.cpu}", "2"),
        ("{resource: limits.cpu, divisor: 1m}", "1500"),
        ("{resource: limits.memory}", "1073741824"),
        ("{resource: limits.memory, divisor: 1Mi, containerName: app}", "1024"),
        ("{resource: limits.memory, divisor: 1G}", "2"),
    ],
)
def test_a_variable_that_has_a_limit_is_computed(container, field, value):
    image = container(
        "resources: {limits: {cpu: 1500m, memory: 1Gi}}",
        f"env: [{{name: LIMIT, valueFrom: {{resourceFieldRef: {field}}}}}]",
    )
    assert (image.settings.run.env, image.notes) == ([f"LIMIT={value}"], [])


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        ("[{containerPort: 5000}]", 5000),
        ("[{containerPort: 53, protocol: UDP}, {containerPort: 80, protocol: TCP}]", 80),
        ("[{containerPort: http}]", None),
        ("[{containerPort: true}, {containerPort: 80}]", 80),
        ("[{containerPort: 70000}]", None),
        ("[]", None),
        ("3", None),
    ],
)
def test_the_first_port_is_where_the_service_listens(container, ports, port):
    assert container(f"ports: {ports}").settings.run.port == port


def test_memory_without_a_size_of_its_own_has_that_of_the_pod(container):
    mounts = "volumeMounts: [{name: s, mountPath: /dev/shm}, {name: t, mountPath: /t}]"
    volumes = (
        "volumes: [{name: s, emptyDir: {medium: Memory}}, {name: t, emptyDir: {medium: Memory}}]"
    )
    limited = container("resources: {limits: {memory: 1Gi}}", mounts, pod=[volumes]).settings.run
    assert (limited.shm_size, limited.tmpfs) == (GIB, [f"/t:exec,size={GIB}"])
    unlimited = container(mounts, pod=[volumes]).settings.run
    assert (unlimited.shm_size, unlimited.tmpfs) == (None, ["/dev/shm:exec", "/t:exec"])


def test_an_empty_dir_on_disk_is_memory_here_and_it_is_said(container):
    image = container(
        "volumeMounts: [{name: t, mountPath: /tmp}, {name: t, mountPath: /ro, readOnly: true}]",
        pod=["volumes: [{name: t, emptyDir: {sizeLimit: 1Gi}}]"],
    )
    assert image.settings.run.tmpfs == [f"/tmp:exec,size={GIB}", f"/ro:exec,size={GIB},ro"]
    assert image.notes[0] == (
        "app.yaml:10: spec.template.spec.volumes[0].emptyDir: /tmp is a disk in production and "
        "memory here: what is written there counts to the limit"
    )


def test_other_volumes_are_noted_where_they_are_mounted(container):
    image = container(
        "volumeMounts: [{name: m, mountPath: /models}, {name: h, mountPath: /huge}]",
        pod=[
            "volumes:",
            "  - {name: m, persistentVolumeClaim: {claimName: models}}",
            "  - {name: h, emptyDir: {medium: HugePages}}",
            "  - {name: unused, configMap: {name: c}}",
        ],
    )
    assert (image.settings.run.tmpfs, image.settings.run.volumes) == ([], [])
    assert image.notes == [
        f"app.yaml:9: {IN_CONTAINER}.volumeMounts[0]: m (persistentVolumeClaim) at /models is not "
        "mounted; name an engine's volume in run.volumes",
        "app.yaml:12: spec.template.spec.volumes[1].emptyDir: HugePages at /huge is not mounted",
    ]


def test_a_claim_of_a_stateful_set_is_a_volume(load):
    text = (
        "kind: StatefulSet\nspec:\n  volumeClaimTemplates: [{metadata: {name: data}}]\n  template: "
        "{spec: {containers: [{name: a, volumeMounts: [{name: data, mountPath: /d}]}]}}"
    )
    (image,) = load({MANIFEST: text, OWN: ASKED}).images
    assert image.notes == [
        f"deploy/app.yaml:4: {IN_CONTAINER}.volumeMounts[0]: data (volumeClaimTemplates) at /d is "
        "not mounted; name an engine's volume in run.volumes"
    ]


def test_what_else_production_has_is_noted(container):
    image = container(
        "resources: {limits: {ephemeral-storage: 1Gi, hugepages-2Mi: 4Mi, amd.com/gpu: 1}, "
        "requests: {memory: 1Gi}}",
        "securityContext: {capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}",
        "lifecycle: {postStart: {exec: {command: [x]}}}",
        "aFieldOfTomorrow: 1",
        pod=[
            "securityContext: {fsGroup: 5, supplementalGroups: [6], fsGroupChangePolicy: Always}",
            "hostNetwork: true",
            "terminationGracePeriodSeconds: 5",
        ],
    )
    assert [note.removeprefix("app.yaml:") for note in image.notes] == [
        f"9: {IN_CONTAINER}.resources.limits.ephemeral-storage: not honoured",
        f"9: {IN_CONTAINER}.resources.limits.hugepages-2Mi: not honoured",
        f"9: {IN_CONTAINER}.resources.limits.amd.com/gpu: not honoured",
        f"9: {IN_CONTAINER}.resources.requests.memory: a request is no limit: memory is not "
        "limited",
        f"10: {IN_CONTAINER}.securityContext.capabilities: not honoured",
        f"10: {IN_CONTAINER}.securityContext.allowPrivilegeEscalation: not honoured",
        "13: spec.template.spec.securityContext.fsGroup: not honoured",
        "13: spec.template.spec.securityContext.supplementalGroups: not honoured",
        f"11: {IN_CONTAINER}.lifecycle: not honoured",
        f"12: {IN_CONTAINER}.aFieldOfTomorrow: not known, and not honoured",
        "14: spec.template.spec.hostNetwork: not honoured",
    ]
