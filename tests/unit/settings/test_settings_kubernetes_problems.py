"""What a Kubernetes manifest can't mean, by file and line."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings

OWN = "tfdocker.toml"
MANIFEST = "app.yaml"
ASKED = 'kubernetes = "app.yaml"\n'
IN_CONTAINER = "spec.template.spec.containers[0]"
UNITS = "; units are Ki, Mi, Gi (1024) and k, M, G (1000)"
HELM = "a Helm template, not a manifest; `helm template CHART > FILE` writes one"


def quantity(found, hint=""):
    return f"expected a quantity such as 512Mi or 4Gi, found {found}{hint}"


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (
            "memory: 512m",
            "memory: '512m' is 0.512 B: m is a thousandth in Kubernetes; write 512Mi or 512M",
        ),
        ("memory: 4", "memory: 4 B is below the engine's minimum, 6.0 MiB"),
        ("memory: 5Mi", "memory: 5.0 MiB is below the engine's minimum, 6.0 MiB"),
        ("memory: 4GB", "memory: " + quantity("'4GB'", "; write 4Gi or 4G")),
        ("memory: 4g", "memory: " + quantity("'4g'", "; write 4Gi or 4G")),
        ("memory: 4GiB", "memory: " + quantity("'4GiB'", "; write 4Gi")),
        ("memory: 512 Mi", "memory: " + quantity("'512 Mi'", "; write 512Mi")),
        ("memory: 4Q", "memory: " + quantity("'4Q'", UNITS)),
        ("memory: lots", "memory: " + quantity("'lots'")),
        ("memory: true", "memory: " + quantity("True")),
        ("memory: [1]", "memory: " + quantity("[1]")),
        ("memory: -1Gi", "memory: '-1Gi' is negative"),
        ("memory: '1e99'", "memory: '1e99' is more than Kubernetes can count"),
        ("memory: '1e29'", "memory: '1e29' is more than an engine can count"),
        (
            "memory: '{{ .Values.memory }}'",
            "memory: "
            + quantity(
                "'{{ .Values.memory }}'",
                "; of a Helm chart, `helm template CHART > FILE` writes the manifest",
            ),
        ),
        ("cpu: 2 cores", f"cpu: expected a quantity such as 500m or 2, found '2 cores'{UNITS}"),
        ("cpu: .nan", "cpu: expected a quantity such as 500m or 2, found '.nan'"),
        (
            "cpu: 500M",
            "cpu: '500M' is 500,000,000 CPUs, which no node has; did you mean '500m'?",
        ),
        ("cpu: 1025", "cpu: 1025 is 1,025 CPUs, which no node has"),
        ("nvidia.com/gpu: 500m", "nvidia.com/gpu: expected a whole number, found '500m'"),
        ("memry: 1Gi", "memry: Kubernetes knows no such resource; did you mean 'memory'?"),
    ],
)
def test_limits_that_are_none_are_refused(refused_by_kubernetes, limits, problem):
    assert refused_by_kubernetes(f"resources: {{limits: {{{limits}}}}}") == [
        f"app.yaml:9: {IN_CONTAINER}.resources.limits.{problem}"
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("resources: 3", "resources: expected a table"),
        ("resources: {limits: [a]}", "resources.limits: expected a table"),
        (
            "resources: {limit: {memory: 1Gi}}",
            "resources.limit: Kubernetes knows no such field; did you mean 'limits'?",
        ),
        ("resorces: {}", "resorces: Kubernetes knows no such field; did you mean 'resources'?"),
        (
            "resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}",
            "resources.requests.memory: is more than the limit, 1Gi",
        ),
        (
            "resources: {requests: {memory: x}}",
            "resources.requests.memory: expected a quantity such as 1, found 'x'",
        ),
        (
            "securityContext: {runAsUser: app}",
            "securityContext.runAsUser: expected a whole number, found 'app'",
        ),
        (
            "securityContext: {runAsUser: -1}",
            "securityContext.runAsUser: expected a whole number, found -1",
        ),
        (
            "securityContext: {readOnlyRootFilesystem: 'true'}",
            "securityContext.readOnlyRootFilesystem: expected true or false, found 'true'",
        ),
        (
            "securityContext: {readonlyRootFilesystem: true}",
            "securityContext.readonlyRootFilesystem: Kubernetes knows no such field; "
            "did you mean 'readOnlyRootFilesystem'?",
        ),
        (
            "securityContext: {runAsUser: 0, runAsNonRoot: yes}",
            "securityContext.runAsNonRoot: runAsUser is 0 (app.yaml:9): "
            "Kubernetes would start nothing",
        ),
        ("env: {A: b}", "env: expected a list"),
        ("env: [A=b]", "env[0]: expected a table"),
        ("env: [{value: b}]", "env[0]: 'name' is missing"),
        (
            "env: [{name: A, value: 1}]",
            'env[0].value: expected text, found 1: write "1", in quotes',
        ),
        (
            "env: [{name: A, value: on}]",
            'env[0].value: expected text, found true: write "true", in quotes',
        ),
        ("env: [{name: A, value: [b]}]", "env[0].value: expected text, found a list"),
        ("command: python", "command: expected a list"),
        (
            "args: [--port, 5000]",
            'args[1]: expected text, found 5000: write "5000", in quotes',
        ),
        (
            f"args: [{'9' * 4000}]",
            f"args[0]: expected text, found {'9' * 37}...: write it in quotes",
        ),
        ("command: [null]", 'command[0]: expected text, found null: write "null", in quotes'),
        ("args: [~]", 'args[0]: expected text, found null: write "null", in quotes'),
        ("workingDir: srv", "workingDir: 'srv' is no absolute path in the container"),
        ("volumeMounts: [{name: a}]", "volumeMounts[0]: 'mountPath' is missing"),
        (
            "volumeMounts: [{name: a, mountPath: /a}]",
            "volumeMounts[0]: no volume is named 'a'",
        ),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_with_file_and_line(
    refused_by_kubernetes, line, problem
):
    assert refused_by_kubernetes(line) == [f"app.yaml:9: {IN_CONTAINER}.{problem}"]


def test_a_size_of_a_volume_that_is_none_is_refused(refused_by_kubernetes):
    assert refused_by_kubernetes(
        "volumeMounts: [{name: tmp, mountPath: /tmp}, {name: tpm, mountPath: /x}]",
        pod=["volumes:", "  - name: tmp", "    emptyDir: {medium: Memory, sizeLimit: 64MB}"],
    ) == [
        "app.yaml:12: spec.template.spec.volumes[0].emptyDir.sizeLimit: "
        + quantity("'64MB'", "; write 64Mi or 64M"),
        f"app.yaml:9: {IN_CONTAINER}.volumeMounts[1]: "
        "no volume is named 'tpm'; did you mean 'tmp'?",
    ]


def test_a_medium_that_is_none_is_refused(refused_by_kubernetes):
    assert refused_by_kubernetes(
        "volumeMounts: [{name: tmp, mountPath: /tmp}]",
        pod=["volumes:", "  - name: tmp", "    emptyDir: {medium: memory}"],
    ) == [
        "app.yaml:12: spec.template.spec.volumes[0].emptyDir.medium: "
        "Kubernetes knows no 'memory'; did you mean 'Memory'?"
    ]


def test_a_path_that_is_none_is_told_where_it_is_mounted(refused_by_kubernetes):
    assert refused_by_kubernetes(
        "volumeMounts:",
        "  - {name: a, mountPath: /a}",
        "  - name: b",
        "    mountPath: b",
        pod=["volumes: [{name: a}, {name: b}]"],
    ) == [
        f"app.yaml:12: {IN_CONTAINER}.volumeMounts[1].mountPath: "
        "'b' is no absolute path in the container"
    ]


def test_a_variable_that_has_no_name_is_told_where_it_stands(refused_by_kubernetes):
    assert refused_by_kubernetes("env:", "  - {name: A}", "  - {name: '=B', value: c}") == [
        f"app.yaml:11: {IN_CONTAINER}.env[1].name: expected 'NAME=value' or 'NAME'"
    ]


def test_all_mistakes_are_told_at_once(refused_by_kubernetes):
    assert refused_by_kubernetes(
        "resources: {limits: {memory: x, cpu: z}}", "env: [{}]", toml=f"{ASKED}python = 3\n"
    ) == [
        "tfdocker.toml:2: python: expected text, found 3: write '3'",
        f"app.yaml:9: {IN_CONTAINER}.resources.limits.memory: " + quantity("'x'"),
        f"app.yaml:9: {IN_CONTAINER}.resources.limits.cpu: "
        "expected a quantity such as 500m or 2, found 'z'",
        f"app.yaml:10: {IN_CONTAINER}.env[0]: 'name' is missing",
    ]


PODS = "kind: Pod\nspec: {containers: [{name: web}, {name: proxy}], initContainers: [{name: x}]}"


@pytest.mark.parametrize(
    ("text", "toml", "problem"),
    [
        (
            "kind: Service\n---\nkind: ConfigMap\n",
            ASKED,
            "app.yaml: no Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod with containers; "
            "it has Service, ConfigMap",
        ),
        (
            "",
            ASKED,
            "app.yaml: no Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod with containers; "
            "it is empty",
        ),
        (
            "kind: Kustomization\nresources: [a.yaml]",
            ASKED,
            "app.yaml: a Kustomization, not a manifest; `kubectl kustomize FOLDER > FILE` writes "
            "one",
        ),
        (
            PODS,
            ASKED,
            "tfdocker.toml:1: kubernetes: 'app.yaml' has several containers; "
            "write app.yaml#CONTAINER, of web, proxy",
        ),
        (
            PODS,
            'kubernetes = "app.yaml#wep"',
            "tfdocker.toml:1: kubernetes: no container 'wep' in 'app.yaml'; did you mean 'web'?",
        ),
        (
            PODS,
            'kubernetes = "app.yaml#zzz"',
            "tfdocker.toml:1: kubernetes: no container 'zzz' in 'app.yaml'; "
            "containers: web, proxy, x",
        ),
        (
            "kind: Pod\nspec: {initContainers: [{name: x}]}",
            ASKED,
            "tfdocker.toml:1: kubernetes: 'app.yaml' has initContainers alone; "
            "name one, app.yaml#x",
        ),
        (
            "{{- if .Values.on }}\nkind: Pod\nspec:\n  containers: [{name: a}]\n{{- end }}\n",
            ASKED,
            f"app.yaml:1: {HELM}",
        ),
        (
            "kind: Pod\nspec:\n  containers:\n  - name: {{ .Chart.Name }}\n",
            ASKED,
            f"app.yaml:4: {HELM}",
        ),
        ("a: 1\na: 2", ASKED, "app.yaml:2: not valid YAML: two keys are named 'a'"),
        (
            "kind: Pod",
            'kubernetes = "ap.yaml"',
            "tfdocker.toml:1: kubernetes: no file 'ap.yaml' in {root}; did you mean 'app.yaml'?",
        ),
        (
            PODS,
            f'{ASKED}compose = "app.yaml"',
            "tfdocker.toml:1: kubernetes: stands beside 'compose' (tfdocker.toml:2), and one file "
            "says how production runs it: name one",
        ),
        (PODS, f'{ASKED}service = "a"', "tfdocker.toml:2: service: is of no use without 'compose'"),
    ],
)
def test_a_manifest_that_does_not_serve_is_named(problems, tmp_path, text, toml, problem):
    assert problems({MANIFEST: text, OWN: toml}) == [problem.format(root=tmp_path)]


@pytest.mark.parametrize(
    ("containers", "toml", "problem"),
    [
        ("[{name: a}, {name: a}]", ASKED, "containers[1]: two containers of the pod are named 'a'"),
        (
            "[{name: b}, {name: a}, {name: a}]",
            'kubernetes = "app.yaml#a"',
            "containers[2]: two containers of the pod are named 'a'",
        ),
        (
            "[{name: a}], initContainers: [{name: a}]",
            'kubernetes = "app.yaml#a"',
            "initContainers[0]: two containers of the pod are named 'a'",
        ),
        ("[{}, {image: a}]", ASKED, "containers[1]: two containers of the pod have no name"),
    ],
)
def test_two_containers_of_one_name_in_a_pod_are_refused(problems, containers, toml, problem):
    text = f"kind: Pod\nspec: {{containers: {containers}}}"
    assert problems({MANIFEST: text, OWN: toml}) == [f"app.yaml:2: spec.{problem}"]


def test_two_workloads_of_one_name_can_not_be_told_apart(problems):
    pod = "kind: Pod\nmetadata: {name: a, namespace: NAME}\nspec: {containers: [{name: app}]}"
    text = "\n---\n".join(pod.replace("NAME", name) for name in ("one", "two"))
    assert problems({MANIFEST: text, OWN: ASKED}) == [
        "tfdocker.toml:1: kubernetes: 'app.yaml' has two containers 'Pod/a/app'; "
        "put one into a file of its own"
    ]


@pytest.mark.slow
def test_values_are_counted_a_document(load, problems):
    config = "kind: ConfigMap\nx: [" + "1," * 60_000 + "]\n---\n"
    pod = "kind: Pod\nspec: {containers: [{name: a}]}"
    assert load({MANIFEST: config * 2 + pod, OWN: ASKED}).images
    assert problems({MANIFEST: f"{pod}\n---\nx: [{'1,' * 100_001}]"}) == [
        "app.yaml:4: more than 100,000 values in one document: split the file"
    ]


def test_an_image_names_its_own_manifest(problems, tmp_path):
    toml = '[images.a]\nkubernetes = "nope.yaml"\n[images.b]\nkubernetes = 3\n'
    assert problems({OWN: toml}) == [
        f"tfdocker.toml:2: images.a.kubernetes: no file 'nope.yaml' in {tmp_path}",
        "tfdocker.toml:4: images.b.kubernetes: expected text, found 3: write '3'",
    ]


@pytest.mark.parametrize("above", ["", 'kubernetes = "app.yaml"', 'compose = "compose.yaml"'])
def test_both_files_in_the_table_of_one_image_are_refused(problems, above):
    toml = f'{above}\n[images.a]\ncompose = "compose.yaml"\nkubernetes = "app.yaml"\n'
    assert problems({MANIFEST: "kind: Pod", OWN: toml}) == [
        "tfdocker.toml:4: images.a.kubernetes: stands beside 'compose' (tfdocker.toml:3), and one "
        "file says how production runs it: name one"
    ]


def test_both_files_at_the_top_are_refused_though_an_image_has_its_own(problems):
    toml = (
        'compose = "compose.yaml"\nkubernetes = "app.yaml"\n[images.a]\nkubernetes = "own.yaml"\n'
    )
    pod = "kind: Pod\nspec: {containers: [{name: a}]}"
    assert problems({"own.yaml": pod, OWN: toml}) == [
        "tfdocker.toml:2: kubernetes: stands beside 'compose' (tfdocker.toml:1), and one file says "
        "how production runs it: name one"
    ]


def test_a_service_beside_a_manifest_of_an_image_is_of_no_use(problems):
    toml = f'{ASKED}[images.a]\nservice = "app"\n'
    assert problems({MANIFEST: PODS, OWN: toml}) == [
        "tfdocker.toml:3: images.a.service: is of no use without 'compose'"
    ]


def outcome(folder, data):
    (folder / OWN).write_text(ASKED)
    (folder / MANIFEST).write_bytes(data)
    try:
        return load_settings(folder, options=Options(), environ={})
    except SettingsError as error:
        return error.problems


words = st.sampled_from(
    [
        *("kind: Pod", "spec:", "containers:", "name:", "env:", "value:", "resources:", "limits:"),
        *("template:", "memory:", "cpu:", "emptyDir:", "volumes:", "items:", "kind: List", "---"),
        *("\n", "\n  ", "\n    ", "\n      ", " ", "- ", "&a", "*a", "<<: ", "{", "}", "[", "]"),
        *("4Gi", "1e9", "'", '"', "$(A)", "{{ x }}", ":", "!", "!!int ", "|", "#", "~", "on", ","),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words).map("".join).map(str.encode) | st.binary())
def test_any_file_is_a_container_or_problems(tmp_path, data):
    assert outcome(tmp_path, data)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1Gi", "512m", "$(A)", "Memory", "a", "/dev/shm", "1e9", "limits.cpu"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("limits", "requests", "memory", "cpu", "nvidia.com/gpu", "name", "value"),
                    *("valueFrom", "resourceFieldRef", "resource", "divisor", "mountPath"),
                    *("emptyDir", "medium", "sizeLimit", "runAsUser", "runAsNonRoot", "a"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
fields = st.sampled_from(
    [
        *("name", "resources", "securityContext", "env", "envFrom", "command", "args"),
        *("workingDir", "volumeMounts", "lifecycle", "x"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(fields, values),
    st.dictionaries(st.sampled_from(["volumes", "securityContext", "initContainers"]), values),
)
def test_any_container_is_settings_or_problems(tmp_path, container, pod):
    text = yaml.safe_dump({"kind": "Pod", "spec": {"containers": [container], **pod}})
    assert outcome(tmp_path, text.encode())
