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
    if "v2" in where and all(read(where["v2"], "memory." + name) for name in ("current", "stat")):
        return Version2(where["v2"])
    return None


# Where a shell has read the files beforehand, their texts are given by others in place of read(),
# opened() and pread().
pread = os.pread


def opened(folder, name):
    """The descriptor of a counter file; None where it can't be opened."""
    try:
        return os.open(folder + "/" + name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


class Value(object):
    """A counter file of one number. It stays open: a sample is then one pread, with no look-up of a
    path, and what it told before isn't read from its text again."""

    MOST_BYTES = 470  # Python keeps memory of its own for objects of up to 512

    def __init__(self, folder, name):
        """Where it can't be opened, nothing is counted: its value is None."""
        self.data, self.value, self.file = b"", None, None
        if folder is not None:
            self.file = opened(folder, name)

    def read(self):
        if self.file is not None:
            data = pread(self.file, self.MOST_BYTES, 0)
            if data != self.data:
                self.data, self.value = data, self.parsed(data)
        return self.value

    def parsed(self, data):
        return int(data)


class Fields(Value):
    """A counter file of lines "key value": a number for each key, None where it has none.

    A key may be several, of which the first counts that is there. They are found by their places,
    which the kernel never changes: a sample is to take little.
    """

    def __init__(self, folder, name, *keys):
        Value.__init__(self, folder, name)
        self.keys, self.value = keys, [None] * len(keys)
        self.first, self.places, self.last = b"", [], -1

    def parsed(self, data):
        if self.last < 0:
            self.find(data)
        words = data[data.find(self.first) :].split(None, self.last + 1)
        return [None if at is None else int(words[at]) for at in self.places]

    def find(self, data):
        """Where each stands, counted in words from the first of them; no more are split."""
        names = data.split()[::2]
        ways = [[name for name in key.split(b"|") if name in names] for key in self.keys]
        there = [names.index(found[0]) if found else None for found in ways]
        start = min((at for at in there if at is not None), default=0)
        self.first = b"\n" + names[start] + b" " if start else b""
        self.places = [None if at is None else 2 * (at - start) + 1 for at in there]
        self.last = max((at for at in self.places if at is not None), default=0)


class Statistics(Fields):
    """memory.stat, which is longer."""

    MOST_BYTES = 16384


class Counters(object):
    """What both versions have: the same questions, asked of files of other names."""

    def oom_kills(self):
        return self.events.read()[0]


class Version1(Counters):
    version = "1"

    def __init__(self, where):
        self.memory = where["memory"]
        self.cpu, self.cpuacct = where.get("cpu"), where.get("cpuacct")
        self.pids = where.get("pids")
        self.stat = Statistics(
            self.memory,
            "memory.stat",
            b"total_rss",
            b"total_shmem",
            b"total_cache",
            b"total_swap",
            b"total_pgmajfault",
            # The second: before Linux 5.9, and of files alone too
            b"total_workingset_refault_file|total_workingset_refault",
        )
        self.kernel = Value(self.memory, "memory.kmem.usage_in_bytes")
        self.events = Fields(self.memory, "memory.oom_control", b"oom_kill")
        self.tasks = Value(self.pids, "pids.current")
        self.usage = Value(self.cpuacct, "cpuacct.usage")
        self.cpu_stat = Fields(self.cpu, "cpu.stat", b"throttled_time")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults; shared bytes.

        Kernel memory is an upper bound: v1 does not split it.
        """
        rss, shmem, cache, swapped, major, refaults = self.stat.read()
        shmem, cache, kernel = shmem or 0, cache or 0, self.kernel.read() or 0
        outside = cache - shmem if cache > shmem else 0
        return (rss or 0) + shmem, outside, kernel, swapped, refaults, major, shmem

    def used(self):
        """Processes and threads, CPU seconds, throttled seconds."""
        tasks, usage, [throttled] = self.tasks.read(), self.usage.read(), self.cpu_stat.read()
        cpu = None if usage is None else usage / 1e9
        return tasks, cpu, None if throttled is None else throttled / 1e9

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


class Version2(Counters):
    version = "2"
    kernel_kinds = (b"slab", b"kernel_stack", b"pagetables", b"percpu", b"vmalloc")

    def __init__(self, folder):
        self.folder = folder
        self.stat = Statistics(
            folder,
            "memory.stat",
            b"anon",
            b"shmem",
            b"file",
            b"sock",
            b"pgmajfault",
            b"workingset_refault_file|workingset_refault",
            b"kernel",
            *self.kernel_kinds,
        )
        self.swapped = Value(folder, "memory.swap.current")
        self.events = Fields(folder, "memory.events", b"oom_kill")
        self.tasks = Value(folder, "pids.current")
        self.cpu_stat = Fields(folder, "cpu.stat", b"usage_usec", b"throttled_usec")

    def sample(self):
        """Working, cache, kernel and swapped bytes; file pages read again; major faults; shared bytes."""
        anon, shmem, file, sock, major, refaults, kernel, *kinds = self.stat.read()
        shmem, file = shmem or 0, file or 0
        if kernel is None:  # Linux 5.18 has the sum
            kernel = sum(value or 0 for value in kinds)
        outside, swapped = file - shmem if file > shmem else 0, self.swapped.read()
        kernel += sock or 0
        return (anon or 0) + shmem, outside, kernel, swapped, refaults, major, shmem

    def used(self):
        """Processes and threads, CPU seconds, throttled seconds."""
        tasks, [usage, throttled] = self.tasks.read(), self.cpu_stat.read()
        cpu = None if usage is None else usage / 1e6
        return tasks, cpu, None if throttled is None else throttled / 1e6

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
