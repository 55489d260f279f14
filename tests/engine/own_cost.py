"""What a program inside a container tells of its own life and of PID 1 beside it."""

ASK = """
import json, mmap, os, time
def anonymous_bytes(pid):
    with open("/proc/%s/status" % pid) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024
def processor_seconds(pid):
    with open("/proc/%s/schedstat" % pid) as file:
        return int(file.read().split()[0]) / 1e9
def lived_seconds():
    # The kernel counts a start in ticks of 10 ms
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        start = int(stat.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(uptime.read().split()[0]) - start
def kernel_peak_bytes():
    for name in ("memory/memory.max_usage_in_bytes", "memory.peak"):
        if os.path.exists("/sys/fs/cgroup/" + name):
            return int(open("/sys/fs/cgroup/" + name).read())
"""

WORK = (
    ASK
    + """
before = processor_seconds(1)
area = mmap.mmap(-1, 300 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, 300 << 20, 4096):
    area[page] = 1
for _ in range(COUNT):
    sum(number * number for number in range(100_000))
print(json.dumps({
    "seconds": lived_seconds(),
    "kernel_peak_bytes": kernel_peak_bytes(),
    "pid_1_seconds": processor_seconds(1) - before,
    "pid_1_bytes": anonymous_bytes(1),
}))
"""
)
"""Seconds of one core and 300 MiB; COUNT is how long."""

SLEEP = (
    ASK
    + """
time.sleep(0.5)
shares = []
for _ in range(SECONDS):
    before, start = processor_seconds(1), time.monotonic()
    time.sleep(1)
    shares.append((processor_seconds(1) - before) / (time.monotonic() - start))
with open("/proc/cpuinfo") as lines:
    processor = next((line for line in lines if line.startswith("model name")), "")
print(json.dumps({
    "processor": processor,
    "pid_1_share": min(shares),
    "pid_1_bytes": anonymous_bytes(1),
}))
"""
)
"""PID 1 beside a program that does nothing for SECONDS, and its share of a core in the best of
them: what else is on the machine only adds to it."""

CHATTER = (
    ASK
    + """
shares = []
for _ in range(SECONDS):
    before, start = processor_seconds(1), time.monotonic()
    for number in range(10_000):
        os.write(1, b"a line of some service's log, written out at once, as most are\\n")
        if number % 100 == 99:
            time.sleep(max(0, start + number / 10_000 - time.monotonic()))
    shares.append((processor_seconds(1) - before) / (time.monotonic() - start))
print(json.dumps({"pid_1_share": min(shares)}))
"""
)
"""10,000 lines a second for SECONDS."""
