"""Who a container runs as, and whether its root is read-only."""

from typing import Any

from pytest_tfdocker.settings import kubernetes_keys as known
from pytest_tfdocker.settings.kubernetes_container import Container, boolean, whole
from pytest_tfdocker.settings.toml_lines import Path as Keys


def read_security(container: Container) -> None:
    """Take user, group and read-only root over; the container's own before the pod's."""
    found = container.found
    own_keys, pod_keys = container.at("securityContext"), container.in_pod("securityContext")
    own, pod = container.table(own_keys, found.container), container.table(pod_keys, found.pod)
    container.take((*own_keys, "readOnlyRootFilesystem"), own, "run.read-only", boolean)
    _read_user(container, [(own_keys, own), (pod_keys, pod)])
    container.judge(
        own_keys,
        own,
        known.USER_KEYS | known.SECURITY_WITHOUT_EFFECT,
        known.SECURITY_NOTED,
    )
    container.judge(
        pod_keys,
        pod,
        known.USER_KEYS | known.POD_SECURITY_WITHOUT_EFFECT,
        known.POD_SECURITY_NOTED,
    )


def _read_user(container: Container, contexts: list[tuple[Keys, dict[str, Any]]]) -> None:
    def first(name: str, cast: Any) -> tuple[Keys, Any]:
        for keys, table in contexts:
            value = container.value((*keys, name), table, cast)
            if value is not None:
                return (*keys, name), value
        return (), None

    user_keys, user = first("runAsUser", whole)
    group_keys, group = first("runAsGroup", whole)
    non_root_keys, non_root = first("runAsNonRoot", boolean)
    if user is not None:
        container.set(user_keys, "run.user", str(user) if group is None else f"{user}:{group}")
    elif group is not None:
        container.note(group_keys, "without runAsUser it is not honoured; set run.user")
    if non_root and user == 0:
        text = f"runAsUser is 0 ({container.place(user_keys)}): Kubernetes would start nothing"
        container.problem(non_root_keys, text)
    elif non_root is not None:
        container.set(non_root_keys, "run.non-root", non_root)
