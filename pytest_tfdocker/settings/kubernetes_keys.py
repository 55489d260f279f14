"""Fields of a pod and its containers. Source: Kubernetes' API reference, core/v1, release 1.35."""

CONTAINER_TAKEN = frozenset(
    [
        *("args", "command", "env", "envFrom", "name", "ports", "resources", "securityContext"),
        *("volumeMounts", "workingDir"),
    ]
)
CONTAINER_WITHOUT_EFFECT = frozenset(
    [
        *("image", "imagePullPolicy", "livenessProbe", "readinessProbe", "resizePolicy"),
        *("restartPolicy", "restartPolicyRules", "startupProbe", "stdin", "stdinOnce"),
        *("terminationMessagePath", "terminationMessagePolicy", "tty"),
    ]
)
"""Nothing that is judged depends on them."""
CONTAINER_NOTED = frozenset(["lifecycle", "volumeDevices"])

POD_TAKEN = frozenset(["containers", "initContainers", "securityContext", "volumes"])
POD_WITHOUT_EFFECT = frozenset(
    [
        *("activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "dnsConfig"),
        *("dnsPolicy", "enableServiceLinks", "ephemeralContainers", "hostUsers", "hostname"),
        *("hostnameOverride", "imagePullSecrets", "nodeName", "nodeSelector", "os", "overhead"),
        *("preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy"),
        *("schedulerName", "schedulingGates", "serviceAccount", "serviceAccountName"),
        *("setHostnameAsFQDN", "subdomain", "terminationGracePeriodSeconds", "tolerations"),
        *("topologySpreadConstraints", "containerConcurrency", "timeoutSeconds", "workloadRef"),
    ]
)
"""Those of Knative's, too."""
POD_NOTED = frozenset(
    [
        *("hostAliases", "hostIPC", "hostNetwork", "hostPID", "resourceClaims", "resources"),
        *("runtimeClassName", "shareProcessNamespace"),
    ]
)

USER_KEYS = frozenset(["runAsUser", "runAsGroup", "runAsNonRoot"])
POD_SECURITY_NOTED = frozenset(
    [
        *("appArmorProfile", "fsGroup", "seLinuxOptions", "seccompProfile", "supplementalGroups"),
        "sysctls",
    ]
)
POD_SECURITY_WITHOUT_EFFECT = frozenset(
    [
        *("fsGroupChangePolicy", "seLinuxChangePolicy", "supplementalGroupsPolicy"),
        "windowsOptions",
    ]
)
SECURITY_NOTED = frozenset(
    [
        *("allowPrivilegeEscalation", "appArmorProfile", "capabilities", "privileged"),
        *("procMount", "seLinuxOptions", "seccompProfile"),
    ]
)
SECURITY_WITHOUT_EFFECT = frozenset(["readOnlyRootFilesystem", "windowsOptions"])

AS_HERE = {
    "allowPrivilegeEscalation": True,
    "privileged": False,
    "procMount": "Default",
    "seccompProfile": {"type": "RuntimeDefault"},
    "hostIPC": False,
    "hostNetwork": False,
    "hostPID": False,
    "shareProcessNamespace": False,
}
"""Values that say what an engine does by itself."""

STANDARD_RESOURCES = frozenset(["cpu", "memory", "ephemeral-storage"])
