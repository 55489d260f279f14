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
                seen = {"v2": place(root, point, own.get("", "/"))}
            elif kind == "cgroup":
                controllers = [one for one in options.split(",") if one in own]
                seen = {one: place(root, point, own[one]) for one in controllers}
            else:
                continue
            for controller, folder in seen.items():
                if folder is not None:
                    found.setdefault(controller, folder)
    return found


def place(root, point, path):
    """This process's folder below a mount; None where the mount shows it not, or nobody can tell."""
    if root.startswith("/.."):  # from outside of our namespace: the host's tree, or a parent's
        return None
    # A container sees its own group mounted as the root of the tree, or the whole tree of the host
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    folder = os.path.normpath(point + "/" + inside)
    if os.path.isdir(folder):
        return folder
    return point if root != "/" else None


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
        """The whole text, after a line feed: so that each key has one before it."""
        return b"\n" + os.pread(self.fd, 16384, 0)


def value_of(data, key):
    """Of a line "key value"; None where there is none."""
    at = data.find(b"\n" + key + b" ")
    if at < 0:
        return None
    at += len(key) + 2
    return int(data[at : data.find(b"\n", at)])


def stat_of(data, keys):
    return {key: value_of(data, key) or 0 for key in keys}


def kept(folder, name):
    """The open counter, or None where it can't be read."""
    try:
        return None if folder is None else Kept(folder + "/" + name)
    except OSError:
        return None


def told(file, key):
    """One value of a counter file of lines "key value", None where it isn't there."""
    return value_of(file.read(), key) if file else None


class Counters(object):
    """What both versions have: the same questions, asked of files of other names."""

    def oom_kills(self):
        return told(self.events, b"oom_kill")

    def processes(self):
        return int(self.pids_current.read()) if self.pids_current else None

    def page_faults(self, data):
        """Pages of files that were evicted and read again, and faults that had to read.

        None for what the kernel doesn't count.
        """
        again = [value_of(data, key) for key in self.refaults]
        known = [value for value in again if value is not None]
        return sum(known) if known else None, value_of(data, self.major_faults)


class Version1(Counters):
    version = "1"
    # Kernels before 5.9 count refaults of files alone, without the suffix
    refaults = (b"total_workingset_refault_file", b"total_workingset_refault")
    major_faults = b"total_pgmajfault"
    keys = (b"total_rss", b"total_shmem", b"total_cache")

    def __init__(self, where):
        self.memory = where["memory"]
        self.cpu, self.cpuacct = where.get("cpu"), where.get("cpuacct")
        self.pids = where.get("pids")
        self.stat = Kept(self.memory + "/memory.stat")
        self.kernel = kept(self.memory, "memory.kmem.usage_in_bytes")
        self.events = kept(self.memory, "memory.oom_control")
        self.pids_current = kept(self.pids, "pids.current")
        self.usage = kept(self.cpuacct, "cpuacct.usage")
        self.cpu_stat = kept(self.cpu, "cpu.stat")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults.

        Kernel memory is an upper bound: v1 does not split it.
        """
        data = self.stat.read()
        values = stat_of(data, self.keys)
        kernel = int(self.kernel.read()) if self.kernel else 0
        shmem = values[b"total_shmem"]
        cache = max(0, values[b"total_cache"] - shmem)
        working, swapped = values[b"total_rss"] + shmem, value_of(data, b"total_swap")
        return (working, cache, kernel, swapped) + self.page_faults(data)

    def kernel_peak(self):
        return number(read(self.memory, "memory.max_usage_in_bytes"))

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
        return int(self.usage.read()) / 1e9 if self.usage else None

    def throttled_seconds(self):
        time = told(self.cpu_stat, b"throttled_time")
        return None if time is None else time / 1e9


class Version2(Counters):
    version = "2"
    refaults = (b"workingset_refault_file", b"workingset_refault")
    major_faults = b"pgmajfault"
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
        self.swapped = kept(folder, "memory.swap.current")
        self.events = kept(folder, "memory.events")
        self.pids_current = kept(folder, "pids.current")
        self.cpu_stat = kept(folder, "cpu.stat")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults."""
        data = self.stat.read()
        values = stat_of(data, self.keys)
        shmem = values[b"shmem"]
        kernel = values[b"kernel"] or sum(values[key] for key in self.keys[4:8] + self.keys[9:])
        working, cache = values[b"anon"] + shmem, max(0, values[b"file"] - shmem)
        swapped = int(self.swapped.read()) if self.swapped else None
        return (working, cache, kernel + values[b"sock"], swapped) + self.page_faults(data)

    def kernel_peak(self):
        return number(read(self.folder, "memory.peak"))

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
        used = told(self.cpu_stat, b"usage_usec")
        return None if used is None else used / 1e6

    def throttled_seconds(self):
        time = told(self.cpu_stat, b"throttled_usec")
        return None if time is None else time / 1e6
