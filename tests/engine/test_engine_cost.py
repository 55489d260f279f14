"""What the supervisor takes of a run: the processor, memory, and how seldom it looks away."""

import json
from itertools import pairwise

import pytest
from behaviours import MIB, TAKE
from own_cost import CHATTER, SLEEP

pytestmark = pytest.mark.engine

SECONDS = 5
MOST_SHARE = 0.06
"""Of a core: more than the 2 % of `bench/run supervisor`, since others use the machine too."""
MOST_BYTES = 8 * MIB


@pytest.fixture(scope="module")
def asleep(run):
    """The run of a program that does nothing, and what it told of PID 1."""
    found = run(SLEEP.replace("SECONDS", str(SECONDS)), memory=256 * MIB)
    assert found.exit_code == 0, found.stderr
    return found, json.loads(found.stdout)


def test_it_takes_little_of_a_core(asleep):
    share = asleep[1]["pid_1_share"]
    print(f"{share:.2%} of a core")
    if "TCG" in asleep[1]["processor"]:
        pytest.skip(f"{share:.2%} of a core, which is emulated here")
    assert share < MOST_SHARE


def test_it_takes_little_where_10_000_lines_a_second_are_written(run, asleep):
    if "TCG" in asleep[1]["processor"]:
        pytest.skip("the processor is emulated here")
    found = run(CHATTER.replace("SECONDS", "3"))
    told = json.loads(found.stdout.splitlines()[-1])
    share = told["pid_1_share"]
    print(f"{share:.2%} of a core")
    assert share < MOST_SHARE


def test_it_has_less_than_8_mib_of_anonymous_memory(asleep):
    print(f"{asleep[1]['pid_1_bytes'] / MIB:.1f} MiB")
    assert asleep[1]["pid_1_bytes"] < MOST_BYTES


def test_it_looks_every_20_ms_and_says_how_long_it_did_not(asleep):
    found = asleep[0]
    between = found.seconds / len(found.samples)
    print(f"a sample every {between * 1000:.1f} ms, largest gap {found.largest_gap_seconds:.3f} s")
    assert between < 0.025
    assert 0.02 <= found.largest_gap_seconds < found.seconds
    times = [seconds for seconds, _, _ in found.samples]
    gaps = [after - before for before, after in pairwise(times)]
    assert found.largest_gap_seconds == pytest.approx(max(gaps), abs=0.002)


def test_a_limit_that_is_enough_without_it_is_enough_with_its_own_8_mib_more(
    run, small_image, docker_client
):
    code = TAKE.format(hold=0.2) + "area = take(100); time.sleep(HOLD)"
    limit = 107 * MIB
    alone = {"mem_limit": limit, "memswap_limit": limit, "network_mode": "none"}
    docker_client.containers.run(small_image, ["python3", "-c", code], remove=True, **alone)
    found = run(code, memory=limit + MOST_BYTES)
    assert (found.oom_killed, found.exit_code) == (False, 0)
