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
        return os.pread(self.fd, 16384, 0)


class Fields(object):
    """Some values of a counter file of lines "key value".

    They are read by their places, which the kernel never changes, and only where it tells another
    text than before: a sample is to take little.
    """

    def __init__(self, file, *keys):
        self.file, self.keys = file, keys
        self.data, self.values = b"", [None] * len(keys)
        self.first, self.places, self.last = b"", [], -1

    def read(self):
        """A number for each key, None where there is none."""
        data = self.file.read() if self.file else b""
        if data != self.data:
            if self.last < 0:
                self.find(data)
            words = data[data.find(self.first) :].split(None, self.last + 1)
            self.values = [None if at is None else int(words[at]) for at in self.places]
            self.data = data
        return self.values

    def find(self, data):
        """Where each stands, counted in words from the first of them; no more are split."""
        names = data.split()[::2]
        there = [names.index(key) for key in self.keys if key in names]
        start = min(there, default=0)
        self.first = b"\n" + names[start] + b" " if start else b""
        self.places = [
            2 * (names.index(key) - start) + 1 if key in names else None for key in self.keys
        ]
        self.last = max((at for at in self.places if at is not None), default=0)


def kept(folder, name):
    """The open counter, or None where it can't be read."""
    try:
        return None if folder is None else Kept(folder + "/" + name)
    except OSError:
        return None


class Counters(object):
    """What both versions have: the same questions, asked of files of other names."""

    def oom_kills(self):
        return self.events.read()[0]

    def processes(self):
        return int(self.pids_current.read()) if self.pids_current else None


def known(*values):
    """The first that the kernel counts; None where it counts none."""
    return next((value for value in values if value is not None), None)


class Version1(Counters):
    version = "1"

    def __init__(self, where):
        self.memory = where["memory"]
        self.cpu, self.cpuacct = where.get("cpu"), where.get("cpuacct")
        self.pids = where.get("pids")
        self.stat = Fields(
            Kept(self.memory + "/memory.stat"),
            b"total_rss",
            b"total_shmem",
            b"total_cache",
            b"total_swap",
            b"total_pgmajfault",
            b"total_workingset_refault_file",
            b"total_workingset_refault",  # before Linux 5.9, and of files alone too
        )
        self.kernel = kept(self.memory, "memory.kmem.usage_in_bytes")
        self.events = Fields(kept(self.memory, "memory.oom_control"), b"oom_kill")
        self.pids_current = kept(self.pids, "pids.current")
        self.usage = kept(self.cpuacct, "cpuacct.usage")
        self.cpu_stat = Fields(kept(self.cpu, "cpu.stat"), b"throttled_time")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults; shared bytes.

        Kernel memory is an upper bound: v1 does not split it.
        """
        rss, shmem, cache, swapped, major, *refaults = self.stat.read()
        shmem = shmem or 0
        kernel = int(self.kernel.read()) if self.kernel else 0
        outside = max(0, (cache or 0) - shmem)
        return (rss or 0) + shmem, outside, kernel, swapped, known(*refaults), major, shmem

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
        [time] = self.cpu_stat.read()
        return None if time is None else time / 1e9


class Version2(Counters):
    version = "2"
    kernel_kinds = (b"slab", b"kernel_stack", b"pagetables", b"percpu", b"vmalloc")

    def __init__(self, folder):
        self.folder = folder
        self.stat = Fields(
            Kept(folder + "/memory.stat"),
            b"anon",
            b"shmem",
            b"file",
            b"sock",
            b"pgmajfault",
            b"workingset_refault_file",
            b"workingset_refault",
            b"kernel",
            *self.kernel_kinds,
        )
        self.swapped = kept(folder, "memory.swap.current")
        self.events = Fields(kept(folder, "memory.events"), b"oom_kill")
        self.pids_current = kept(folder, "pids.current")
        self.cpu_stat = Fields(kept(folder, "cpu.stat"), b"usage_usec", b"throttled_usec")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults; shared bytes."""
        values = self.stat.read()
        anon, shmem, file, sock = [value or 0 for value in values[:4]]
        major, refaults = values[4], known(*values[5:7])
        kernel = values[7] or sum(value or 0 for value in values[8:])  # Linux 5.18 has the sum
        swapped = int(self.swapped.read()) if self.swapped else None
        return anon + shmem, max(0, file - shmem), kernel + sock, swapped, refaults, major, shmem

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
        used = self.cpu_stat.read()[0]
        return None if used is None else used / 1e6

    def throttled_seconds(self):
        time = self.cpu_stat.read()[1]
        return None if time is None else time / 1e6
