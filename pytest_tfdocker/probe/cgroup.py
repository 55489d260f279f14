# The counters of the control group that this process is in: version 1, version 2, hybrid.
import os

UNLIMITED = 1 << 60  # v1 writes 2^63 - 4096 for "no limit", rounded to the page size


def folders(proc):
    """Controller → this process's folder, by what `proc` (/proc/self) says; "v2" → the unified one."""
    own = {}
    with open(proc + "/cgroup") as lines:
        for line in lines:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                own[controller] = path
    found = {}
    with open(proc + "/mountinfo") as lines:
        for line in lines:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split()[:3]
            root, point = left.split()[3:5]
            if kind == "cgroup2":
                found.setdefault("v2", place(root, point, own.get("", "/")))
            elif kind == "cgroup":
                for controller in options.split(","):
                    if controller in own:
                        found.setdefault(controller, place(root, point, own[controller]))
    return found


def place(root, point, path):
    # A container sees its own group mounted as the root of the tree, or the whole tree of the host
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    folder = os.path.normpath(point + "/" + inside)
    return folder if os.path.isdir(folder) else point


def read(folder, name):
    try:
        with open(folder + "/" + name) as file:
            return file.read()
    except OSError:
        return None


def number(text):
    """An int, or None for "max", "-1", an unlimited value or a file that is empty or isn't there."""
    if text is None or text.strip() in ("", "max", "-1"):
        return None
    value = int(text.split()[0])
    return None if value >= UNLIMITED else value


def pairs(text):
    return {
        key: int(value) for key, value in (line.split()[:2] for line in (text or "").splitlines())
    }


def machine_swap_bytes(proc="/proc"):
    """What the machine can swap out at most; None where it doesn't say."""
    return meminfo_bytes("SwapTotal", proc)


def machine_memory_bytes(proc="/proc"):
    """The memory that the machine has; None where it doesn't say."""
    return meminfo_bytes("MemTotal", proc)


def meminfo_bytes(field, proc):
    for line in (read(proc, "meminfo") or "").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def open_counters(proc="/proc/self"):
    """The reader that fits, or None where no memory counter can be read."""
    where = folders(proc)
    if "memory" in where and read(where["memory"], "memory.stat"):
        return Version1(where)
    if "v2" in where and read(where["v2"], "memory.current"):
        return Version2(where["v2"])
    return None


class Kept(object):
    """A counter file that stays open: a sample is then one pread, with no path look-up."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self):
        return os.pread(self.fd, 16384, 0)


def stat_of(data, keys):
    values = dict.fromkeys(keys, 0)
    for line in data.splitlines():
        key, _, value = line.partition(b" ")
        if key in values:
            values[key] = int(value)
    return values


class Version1(object):
    version = "1"
    keys = (b"total_rss", b"total_shmem", b"total_cache")

    def __init__(self, where):
        self.memory = where["memory"]
        self.cpu, self.cpuacct = where.get("cpu"), where.get("cpuacct")
        self.pids = where.get("pids")
        self.stat = Kept(self.memory + "/memory.stat")
        kernel = self.memory + "/memory.kmem.usage_in_bytes"
        self.kernel = Kept(kernel) if os.path.exists(kernel) else None

    def sample(self):
        """Working, cache and kernel bytes. Kernel memory is an upper bound: v1 does not split it."""
        values = stat_of(self.stat.read(), self.keys)
        kernel = int(self.kernel.read()) if self.kernel else 0
        shmem = values[b"total_shmem"]
        return values[b"total_rss"] + shmem, max(0, values[b"total_cache"] - shmem), kernel

    def kernel_peak(self):
        return number(read(self.memory, "memory.max_usage_in_bytes"))

    def oom_kills(self):
        return pairs(read(self.memory, "memory.oom_control")).get("oom_kill")

    def limits(self):
        memory = number(read(self.memory, "memory.limit_in_bytes"))
        both = read(self.memory, "memory.memsw.limit_in_bytes")
        swap = number(both)
        return {
            "memory_bytes": memory,
            "swap_bytes": None if swap is None or memory is None else swap - memory,
            "swap_known": both is not None,
            "machine_swap_bytes": machine_swap_bytes(),
            "machine_memory_bytes": machine_memory_bytes(),
            "cpus": self.cpus(),
            "pids": number(read(self.pids, "pids.max")) if self.pids else None,
            "unknown": [name for name, at in (("cpus", self.cpu), ("pids", self.pids)) if not at],
            "cgroup_version": self.version,
        }

    def cpus(self):
        quota = number(read(self.cpu, "cpu.cfs_quota_us")) if self.cpu else None
        period = number(read(self.cpu, "cpu.cfs_period_us")) if self.cpu else None
        return quota / period if quota and period else None

    def cpu_seconds(self):
        used = number(read(self.cpuacct, "cpuacct.usage")) if self.cpuacct else None
        return None if used is None else used / 1e9

    def throttled_seconds(self):
        time = pairs(read(self.cpu, "cpu.stat")).get("throttled_time") if self.cpu else None
        return None if time is None else time / 1e9


class Version2(object):
    version = "2"
    keys = (
        b"anon",
        b"shmem",
        b"file",
        b"kernel",
        b"slab",
        b"kernel_stack",
        b"pagetables",
        b"percpu",
        b"sock",
        b"vmalloc",
    )

    def __init__(self, folder):
        self.folder = folder
        self.stat = Kept(folder + "/memory.stat")

    def sample(self):
        values = stat_of(self.stat.read(), self.keys)
        shmem = values[b"shmem"]
        kernel = values[b"kernel"] or sum(values[key] for key in self.keys[4:8] + self.keys[9:])
        return values[b"anon"] + shmem, max(0, values[b"file"] - shmem), kernel + values[b"sock"]

    def kernel_peak(self):
        return number(read(self.folder, "memory.peak"))

    def oom_kills(self):
        return pairs(read(self.folder, "memory.events")).get("oom_kill")

    def limits(self):
        swap = read(self.folder, "memory.swap.max")
        return {
            "memory_bytes": number(read(self.folder, "memory.max")),
            "swap_bytes": number(swap),
            "swap_known": swap is not None,
            "machine_swap_bytes": machine_swap_bytes(),
            "machine_memory_bytes": machine_memory_bytes(),
            "cpus": self.cpus(),
            "pids": number(read(self.folder, "pids.max")),
            "unknown": [
                n
                for n, f in (("cpus", "cpu.max"), ("pids", "pids.max"))
                if read(self.folder, f) is None
            ],
            "cgroup_version": self.version,
        }

    def cpus(self):
        quota, _, period = (read(self.folder, "cpu.max") or "max 100000").partition(" ")
        return None if quota == "max" else int(quota) / int(period)

    def cpu_seconds(self):
        used = pairs(read(self.folder, "cpu.stat")).get("usage_usec")
        return None if used is None else used / 1e6

    def throttled_seconds(self):
        time = pairs(read(self.folder, "cpu.stat")).get("throttled_usec")
        return None if time is None else time / 1e6
