"""Keys of a Compose service. Source: compose-spec.json of the Compose specification."""

HONOURED = frozenset(
    [
        "build",
        "command",
        "cpus",
        "deploy",
        "entrypoint",
        "env_file",
        "environment",
        "expose",
        "extends",
        "gpus",
        "mem_limit",
        "memswap_limit",
        "pids_limit",
        "platform",
        "ports",
        "read_only",
        "shm_size",
        "tmpfs",
        "user",
        "volumes",
        "working_dir",
    ]
)

WITHOUT_EFFECT = frozenset(
    [
        "annotations",
        "attach",
        "container_name",
        "develop",
        "image",
        "labels",
        "logging",
        "networks",
        "profiles",
        "pull_policy",
        "pull_refresh_after",
        "restart",
        "scale",
        "stdin_open",
        "stop_grace_period",
        "tty",
    ]
)
"""Nothing that is judged depends on them: no other service is started."""

NOT_HONOURED = frozenset(
    [
        "blkio_config",
        "cap_add",
        "cap_drop",
        "cgroup",
        "cgroup_parent",
        "configs",
        "cpu_count",
        "cpu_percent",
        "cpu_period",
        "cpu_quota",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "cpu_shares",
        "cpuset",
        "credential_spec",
        "depends_on",
        "device_cgroup_rules",
        "devices",
        "dns",
        "dns_opt",
        "dns_search",
        "domainname",
        "external_links",
        "extra_hosts",
        "group_add",
        "healthcheck",
        "hostname",
        "init",
        "ipc",
        "isolation",
        "label_file",
        "links",
        "mac_address",
        "mem_reservation",
        "mem_swappiness",
        "models",
        "network_mode",
        "oom_kill_disable",
        "oom_score_adj",
        "pid",
        "post_start",
        "pre_stop",
        "privileged",
        "provider",
        "runtime",
        "secrets",
        "security_opt",
        "stop_signal",
        "storage_opt",
        "sysctls",
        "ulimits",
        "use_api_socket",
        "userns_mode",
        "uts",
        "volume_driver",
        "volumes_from",
    ]
)

INSTEAD = {
    "volumes": "name the engine's volumes in run.volumes",
    "runtime": "gpu.expect says what is judged",
    "network_mode": "run.network says what is joined",
}

BUILD_HONOURED = frozenset(
    ["context", "dockerfile", "args", "target", "platforms", "cache_from", "cache_to"]
)
