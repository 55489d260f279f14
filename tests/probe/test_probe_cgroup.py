"""Counters of control groups, version 1, version 2 and hybrid, as file trees."""

import importlib.util
from pathlib import Path

import pytest

from pytest_tfdocker import probe

MIB = 1 << 20
V1_UNLIMITED = 9223372036854771712

spec = importlib.util.spec_from_file_location(
    "tfdocker_cgroup", Path(probe.__file__).with_name("cgroup.py")
)
cgroup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cgroup)

V1_FILES = {
    "memory/memory.stat": f"""cache 0
rss 0
total_cache {30 * MIB}
total_rss {100 * MIB}
total_shmem {10 * MIB}
total_inactive_file 5
""",
    "memory/memory.kmem.usage_in_bytes": f"{4 * MIB}\n",
    "memory/memory.max_usage_in_bytes": f"{150 * MIB}\n",
    "memory/memory.limit_in_bytes": f"{512 * MIB}\n",
    "memory/memory.memsw.limit_in_bytes": f"{512 * MIB}\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "cpu,cpuacct/cpu.stat": "nr_periods 1\nnr_throttled 1\nthrottled_time 2500000000\n",
    "cpu,cpuacct/cpuacct.usage": "1500000000\n",
    "pids/pids.max": "4096\n",
}
V2_FILES = {
    "memory.current": f"{140 * MIB}\n",
    "memory.stat": f"""anon {100 * MIB}
file {30 * MIB}
kernel {6 * MIB}
kernel_stack {1 * MIB}
pagetables {1 * MIB}
percpu 0
sock {1 * MIB}
shmem {10 * MIB}
slab {3 * MIB}
""",
    "memory.peak": f"{150 * MIB}\n",
    "memory.max": f"{512 * MIB}\n",
    "memory.swap.max": "0\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
    "cpu.max": "150000 100000\n",
    "cpu.stat": "usage_usec 1500000\nnr_throttled 1\nthrottled_usec 2500000\n",
    "pids.max": "4096\n",
}


class Tree:
    """A made-up /proc/self and the control groups that it points to."""

    def __init__(self, folder):
        self.folder, self.proc = folder, folder / "proc"
        self.proc.mkdir()
        self.cgroups, self.mounts = "", ["1 0 0:1 / / rw - overlay overlay rw"]

    def write(self, files, base="cgroup"):
        for name, text in files.items():
            path = self.folder / base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def mount(self, kind, point, options="rw", root="/"):
        point = self.folder / point
        point.mkdir(parents=True, exist_ok=True)
        self.mounts.append(f"9 1 0:9 {root} {point} ro,nosuid shared:7 - {kind} {kind} {options}")

    def mount_v1(self, base="cgroup", root="/"):
        for controllers in ("memory", "cpu,cpuacct", "pids"):
            self.mount("cgroup", f"{base}/{controllers}", f"rw,{controllers}", root)

    def open(self):
        (self.proc / "cgroup").write_text(self.cgroups)
        (self.proc / "mountinfo").write_text("\n".join(self.mounts) + "\n")
        return cgroup.open_counters(str(self.proc))


V1_OWN = "12:pids:{0}\n5:memory:{0}\n4:cpu,cpuacct:{0}\n1:name=systemd:{0}\n0::/\n"


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def v1(tree):
    tree.cgroups = V1_OWN.format("/docker/abc")
    tree.mount_v1(root="/docker/abc")
    tree.write(V1_FILES)
    return tree


@pytest.fixture
def v2(tree):
    tree.cgroups = "0::/\n"
    tree.mount("cgroup2", "cgroup")
    tree.write(V2_FILES)
    return tree


def test_version_1_working_memory_is_rss_and_shmem_of_the_whole_tree(v1):
    assert v1.open().sample()[:3] == (110 * MIB, 20 * MIB, 4 * MIB)
    assert v1.open().sample()[-1] == 10 * MIB


def test_version_2_working_memory_is_anon_and_shmem(v2):
    assert v2.open().sample()[:3] == (110 * MIB, 20 * MIB, 7 * MIB)
    assert v2.open().sample()[-1] == 10 * MIB


def test_version_2_of_an_older_kernel_sums_the_kinds_of_kernel_memory(v2):
    text = V2_FILES["memory.stat"].replace(f"kernel {6 * MIB}\n", "")
    v2.write({"memory.stat": text})
    assert v2.open().sample()[:3] == (110 * MIB, 20 * MIB, 6 * MIB)


def test_version_1_without_kernel_memory_accounting_counts_none(v1, tmp_path):
    (tmp_path / "cgroup/memory/memory.kmem.usage_in_bytes").unlink()
    assert v1.open().sample()[:3] == (110 * MIB, 20 * MIB, 0)


def test_a_sample_reads_anew(v2, tmp_path):
    counters = v2.open()
    path = tmp_path / "cgroup/memory.stat"
    path.write_text(V2_FILES["memory.stat"].replace(f"anon {100 * MIB}", f"anon {7 * MIB}"))
    assert counters.sample()[0] == 17 * MIB


@pytest.mark.parametrize(("version", "kills"), [("v1", 2), ("v2", 1)])
def test_the_other_counters(version, kills, request):
    counters = request.getfixturevalue(version).open()
    assert counters.kernel_peak() == 150 * MIB
    assert counters.oom_kills() == kills
    assert counters.used()[1:] == (1.5, 2.5)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_limits_in_force(version, request):
    limits = request.getfixturevalue(version).open().limits()
    assert limits.pop("machine_swap_bytes") == cgroup.machine_swap_bytes()
    assert limits.pop("machine_memory_bytes") == cgroup.machine_memory_bytes() > 0
    assert limits == {
        "memory_bytes": 512 * MIB,
        "swap_bytes": 0,
        "swap_known": True,
        "cpus": 1.5,
        "pids": 4096,
        "unknown": [],
        "cgroup_version": version[1:],
    }


def test_version_1_without_limits(v1):
    v1.write(
        {
            "memory/memory.limit_in_bytes": f"{V1_UNLIMITED}\n",
            "memory/memory.memsw.limit_in_bytes": f"{V1_UNLIMITED}\n",
            "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "pids/pids.max": "max\n",
        }
    )
    limits = v1.open().limits()
    assert [limits[name] for name in ("memory_bytes", "swap_bytes", "cpus", "pids")] == [None] * 4
    assert limits["unknown"] == []


def test_version_2_without_limits(v2):
    unlimited = {"memory.max": "max\n", "memory.swap.max": "max\n", "pids.max": "max\n"}
    v2.write({**unlimited, "cpu.max": "max 100000\n"})
    limits = v2.open().limits()
    assert [limits[name] for name in ("memory_bytes", "swap_bytes", "cpus", "pids")] == [None] * 4


def test_swap_that_was_left_on_is_told(v1):
    v1.write({"memory/memory.memsw.limit_in_bytes": f"{1024 * MIB}\n"})
    assert v1.open().limits()["swap_bytes"] == 512 * MIB


@pytest.mark.parametrize(
    ("version", "file"),
    [("v1", "memory/memory.memsw.limit_in_bytes"), ("v2", "memory.swap.max")],
)
def test_a_kernel_that_accounts_no_swap_is_told(version, file, request, tmp_path):
    tree = request.getfixturevalue(version)
    (tmp_path / "cgroup" / file).unlink()
    limits = tree.open().limits()
    assert (limits["swap_known"], limits["swap_bytes"]) == (False, None)


def test_controllers_that_are_not_there_are_unknown_and_not_unlimited(v2, tmp_path):
    for name in ("cpu.max", "pids.max", "memory.peak", "memory.events"):
        (tmp_path / "cgroup" / name).unlink()
    counters = v2.open()
    assert counters.limits()["unknown"] == ["cpus", "pids"]
    assert counters.limits()["cpus"] is None
    assert (counters.kernel_peak(), counters.oom_kills()) == (None, None)


def test_version_1_without_cpu_and_pids_controllers(tree):
    tree.cgroups = "5:memory:/docker/abc\n"
    tree.mount("cgroup", "cgroup/memory", "rw,memory", "/docker/abc")
    tree.write(V1_FILES)
    counters = tree.open()
    assert counters.limits()["unknown"] == ["cpus", "pids"]
    assert counters.used() == (None, None, None)


def test_hybrid_takes_version_1_where_memory_is(v1):
    v1.mount("cgroup2", "cgroup/unified")
    v1.write({"unified/cgroup.procs": "1\n"})
    assert v1.open().version == "1"


def test_hybrid_with_memory_on_version_2(tree):
    tree.cgroups = "3:cpuset:/\n0::/\n"
    tree.mount("cgroup", "cgroup/cpuset", "rw,cpuset")
    tree.mount("cgroup2", "cgroup/unified")
    tree.write(V2_FILES, base="cgroup/unified")
    assert tree.open().version == "2"


def test_the_hosts_whole_tree_of_version_2_leads_to_the_own_folder(tree):
    tree.cgroups = "0::/system.slice/docker-abc.scope\n"
    tree.mount("cgroup2", "cgroup")
    tree.write({"memory.current": "1\n", "memory.stat": "anon 1\n"})
    tree.write(V2_FILES, base="cgroup/system.slice/docker-abc.scope")
    assert tree.open().sample()[0] == 110 * MIB


def test_the_hosts_whole_tree_of_version_1_leads_to_the_own_folder(tree):
    tree.cgroups = V1_OWN.format("/docker/abc")
    tree.mount_v1()
    for name, text in V1_FILES.items():
        controller, _, file = name.partition("/")
        tree.write({f"{controller}/docker/abc/{file}": text})
    assert tree.open().sample()[0] == 110 * MIB


def test_the_hosts_tree_seen_from_a_namespace_is_not_taken_for_the_own_group(tree):
    # As in a container with `--cgroupns private -v /sys/fs/cgroup:/sys/fs/cgroup`
    tree.cgroups = V1_OWN.format("/")
    tree.mount_v1(root="/../..")
    tree.write(V1_FILES)
    assert tree.open() is None


def test_a_parents_tree_seen_from_a_namespace_is_not_taken_for_the_own_group(tree):
    # Where the engine itself runs in a container the root of its tree has counters too
    tree.cgroups = "0::/\n"
    tree.mount("cgroup2", "cgroup", root="/../..")
    tree.write(V2_FILES)
    assert tree.open() is None


@pytest.mark.parametrize("name", ["memory.current", "memory.stat"])
def test_version_2_is_read_where_all_that_it_takes_is_there(name, v2, tmp_path):
    (tmp_path / "cgroup" / name).unlink()
    assert v2.open() is None


@pytest.mark.parametrize("cgroups", ["", "0::/\n", "5:memory:/\n"])
def test_without_any_memory_counter_there_is_no_reader(tree, cgroups):
    tree.cgroups = cgroups
    assert tree.open() is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512\n", 512),
        ("0\n", 0),
        ("max\n", None),
        ("-1\n", None),
        (f"{V1_UNLIMITED}\n", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers(text, value):
    assert cgroup.number(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MemTotal:  8 kB\nSwapTotal:       2048 kB\nSwapFree: 0 kB\n", 2 * MIB),
        ("SwapTotal:             0 kB\n", 0),
        ("MemTotal:  8 kB\n", None),
    ],
)
def test_the_machines_swap(text, expected, tmp_path):
    (tmp_path / "meminfo").write_text(text)
    assert cgroup.machine_swap_bytes(str(tmp_path)) == expected


def test_the_machines_memory(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal:  8 kB\nSwapTotal: 2 kB\n")
    assert cgroup.machine_memory_bytes(str(tmp_path)) == 8192


def test_a_machine_that_does_not_tell_its_swap(tmp_path):
    assert cgroup.machine_swap_bytes(str(tmp_path)) is None
