"""Programs of known behaviour: what each takes, by its own text, and how it is to be judged.

Figures are those that a program asks for, above an interpreter that does nothing. They are
computed from the program and never measured; `bench/run behaviours` sets them beside what other
means tell of the same runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MIB = 1 << 20
PORT = 8765
WEIGHTS_BYTES = 2_000_000_000
BARE = "import mmap, os, sys, time; time.sleep(0.3)"
"""What every program is beside what it takes."""
BESIDE_BYTES = 8 * MIB
"""What a limit holds beside the program: the supervisor with 6 or 7 MiB, and the kernel's own."""
PROPERTY = "behaviour"
"""Of a test's report: a behaviour's name, known bytes, those found, how many were right."""

TAKE = """
import mmap, os, sys, time
HOLD = {hold}
def take(mib):
    area = mmap.mmap(-1, mib << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, mib << 20, 4096):
        area[page] = 1
    return area
def together(count, work):
    # Each child does its work and holds what it has until all have done theirs
    done, done_write = os.pipe()
    end, end_write = os.pipe()
    for number in range(count):
        if os.fork() == 0:
            os.close(end_write)
            kept = work()
            os.write(done_write, b".")
            os.read(end, 1)
            os._exit(0)
    for number in range(count):
        os.read(done, 1)
    time.sleep(HOLD)
    os.close(end_write)
    for number in range(count):
        os.wait()
"""
"""What the programs share: memory that is there since each page was written to."""

WRITE_FILE = """
with open("/big", "wb") as file:
    for _ in range(200):
        file.write(os.urandom(1 << 20))
        os.fdatasync(file.fileno())
"""
GROW = """
areas = []
while True:
    areas.append(take(1))
    os.write(1, b"%d\\n" % len(areas))
"""
"""Its last line says how many MiB it had when it was killed."""


@dataclass(frozen=True)
class Behaviour:
    """One program, its limits, and what is known of it beforehand."""

    name: str
    code: str
    mib: float | None
    """What it has at its peak, above the bare interpreter; None: it grows until it is killed."""
    limit_mib: int | None = 512
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further keywords of `[tool.tfdocker.run]`."""
    outcome: str = "passed"
    headline: str = ""
    """How the verdict begins; "": as the figure has it."""
    exit_code: int | None = 0
    oom_killed: bool = False
    timeout_seconds: float = 300.0
    phases: Mapping[str, float] = field(default_factory=dict)
    """MiB above the bare interpreter, by the name of a phase."""
    command: tuple[str, ...] = ()
    """A program of the image's instead of the script."""
    serves: bool = False
    """It is a service that is asked for / on PORT, and not a script."""
    fills_cache: bool = False
    """The kernel's own peak, page cache counted, goes up to the limit."""
    is_throttled: bool = False
    """The CPU limit stops it, and the supervisor with it."""

    def program(self, hold_seconds: float = 0.2) -> str:
        """Its text; what it reaches it holds for so long."""
        return TAKE.replace("{hold}", str(hold_seconds)) + self.code

    @property
    def run_settings(self) -> dict[str, Any]:
        """Its limit and settings, as `running.changed` takes them."""
        limit = {} if self.limit_mib is None else {"memory": self.limit_mib * MIB}
        return {**limit, **self.settings}

    def known_bytes(self, bare_bytes: int) -> int:
        """The working peak that it must have, where an interpreter alone has `bare_bytes`."""
        if self.mib is None:
            return (self.limit_mib or 0) * MIB - BESIDE_BYTES
        return int(self.mib * MIB) + bare_bytes


def tolerance_bytes(known_bytes: int) -> float:
    """How far a figure may be off."""
    return max(4 * MIB, 0.03 * known_bytes)


BEHAVIOURS = (
    Behaviour(
        "anonymous memory in steps",
        """
areas = []
for name in ("first", "second", "third"):
    print("tfdocker: phase", name, flush=True)
    time.sleep(0.1)  # the line is on its way
    areas.append(take(40)); time.sleep(HOLD)
""",
        mib=120,
        phases={"first": 40, "second": 80, "third": 120},
    ),
    Behaviour(
        "anonymous memory, no limit set",
        "area = take(100); time.sleep(HOLD)",
        mib=100,
        limit_mib=None,
        outcome="skipped",
    ),
    Behaviour(
        "a spike of 30 ms",
        """
time.sleep(HOLD)
area = take(200); time.sleep(0.03); area.close()
time.sleep(HOLD)
""",
        mib=200,
    ),
    Behaviour(
        "spread over 20 processes",
        "together(20, lambda: take(16))",
        mib=320,
    ),
    Behaviour(
        "a file on tmpfs",
        """
with open("/scratch/x", "wb") as file:
    for _ in range(100):
        file.write(b"x" * (1 << 20))
time.sleep(HOLD)
""",
        mib=101,  # and the piece that is written
        settings={"tmpfs": ["/scratch"]},
    ),
    Behaviour(
        "shared memory",
        """
file = open("/dev/shm/x", "w+b"); file.truncate(48 << 20)
area = mmap.mmap(file.fileno(), 48 << 20)
for page in range(0, 48 << 20, 4096):
    area[page] = 1
time.sleep(HOLD)
""",
        mib=48,
    ),
    Behaviour(
        "2 GB of safetensors, mapped and read",
        # A hole reads as zeros and fills the page cache as any other byte does
        f"""
size = {WEIGHTS_BYTES}
tensor = '{{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (size // 4, size)
header = ('{{"weight":%s}}' % tensor).encode()
with open("/model.safetensors", "wb") as file:
    file.write(len(header).to_bytes(8, "little") + header)
    file.truncate(8 + len(header) + size)
with open("/model.safetensors", "rb") as file:
    length = int.from_bytes(file.read(8), "little")
    offsets = file.read(length).partition(b'"data_offsets":[')[2].partition(b"]")[0].split(b",")
    area = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
first, last = (8 + length + int(offset) for offset in offsets)
assert last == len(area)
for page in range(first, last, 4096):
    if area[page]: sys.exit(1)
time.sleep(HOLD)
""",
        mib=0,
        limit_mib=256,
        fills_cache=True,
    ),
    Behaviour(
        "a mapped file, 50 of its 200 MiB written to privately",
        WRITE_FILE
        + """
file = open("/big", "rb")
area = mmap.mmap(file.fileno(), 200 << 20, access=mmap.ACCESS_COPY)
for page in range(0, 200 << 20, 4096):
    area[page]
for page in range(0, 50 << 20, 4096):
    area[page] = 1
time.sleep(HOLD)
""",
        mib=50,
    ),
    Behaviour(
        "a file read, three times the limit",
        WRITE_FILE
        + """
for _ in range(2):
    with open("/big", "rb") as file:
        while file.read(1 << 16): pass
time.sleep(HOLD)
""",
        mib=1,  # the piece that is written
        limit_mib=64,
        fills_cache=True,
    ),
    Behaviour(
        "fork, then copy on write",
        """
area = take(80)
def write():
    for page in range(0, 40 << 20, 4096):
        area[page] = 2
time.sleep(HOLD)
together(1, write)
""",
        mib=120,
    ),
    Behaviour(
        "freed and taken again",
        """
for mib in (60, 120, 40):
    area = take(mib); time.sleep(HOLD); area.close()
""",
        mib=120,
    ),
    Behaviour(
        "growth until it is killed",
        GROW,
        mib=None,
        outcome="failed",
        headline="OOM-killed",
        exit_code=137,
        oom_killed=True,
    ),
    Behaviour(
        "a child killed, its parent exits 0",
        f"""
if os.fork() == 0:
    exec({GROW!r})
pid, status = os.wait()
time.sleep(HOLD)
sys.exit(0 if os.WIFSIGNALED(status) else 3)
""",
        mib=None,
        outcome="failed",
        headline="OOM-killed",
        oom_killed=True,
    ),
    Behaviour(
        "killed in its first 50 ms",
        # An interpreter alone takes half of that
        "",
        command=("dd", "if=/dev/zero", "of=/dev/null", "bs=1G"),
        mib=None,
        limit_mib=32,
        outcome="failed",
        headline="OOM-killed",
        exit_code=137,
        oom_killed=True,
    ),
    Behaviour(
        "a process that ignores SIGTERM",
        """
import _signal  # the module around it would be 3 MiB of enumerations
_signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
area = take(50)
while True:
    time.sleep(0.01)
""",
        mib=50,
        outcome="failed",
        headline="4.0 s are over, stopped",
        exit_code=None,
        timeout_seconds=4.0,
    ),
    Behaviour(
        "10,000 lines a second on stdout",
        """
area = take(40)
start = time.monotonic()
for number in range(20_000):
    print("a line of some service's log, written out at once, number", number, flush=True)
    if number % 100 == 99:
        time.sleep(max(0, start + number / 10_000 - time.monotonic()))
area.close()
""",
        mib=40,
    ),
    Behaviour(
        "four busy processes under half a CPU",
        """
def work():
    until = time.monotonic() + 1.5
    while time.monotonic() < until: pass
def spike():
    time.sleep(0.5)
    area = take(150); area.close()
if os.fork() == 0:
    together(4, work)
    os._exit(0)
spike()
os.wait()
""",
        mib=150,
        settings={"cpus": 0.5},
        is_throttled=True,
    ),
    Behaviour(
        "a service that forks workers",
        f"""
import _socket
server = _socket.socket()
server.bind(("127.0.0.1", {PORT}))
done, done_write = os.pipe()
start, start_write = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        os.close(start_write)
        area = take(40)
        os.write(done_write, b".")
        os.read(start, 1)
        time.sleep(HOLD)
        while True:
            fd, _ = server._accept()
            os.read(fd, 4096)
            os.write(fd, b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            os.close(fd)
for _ in range(4):
    os.read(done, 1)
server.listen(16)
os.close(start_write)
for _ in range(4):
    os.wait()
""",
        mib=160,
        exit_code=None,
        serves=True,
    ),
    Behaviour(
        "a script of 8 MiB",
        "# no memory\n" * 700_000 + "time.sleep(0.3)",
        mib=0,
    ),
)
