"""What is said of a probe that failed."""

from pytest_tfdocker.checks.wording import split
from pytest_tfdocker.evidence.inside import TRACEBACK_LINES, probe_failure


def test_of_a_long_traceback_the_end_is_shown_and_that_it_is_to_be_reported():
    crash = "Traceback:\n" + "".join(f"  line {at}\n" for at in range(100)) + "KeyError: 'a'\n"
    headline, report, more, *lines = split(probe_failure(crash))
    assert headline == "the probe failed inside the image: KeyError: 'a'"
    assert report == "a defect of pytest-tfdocker: please report it, with this:"
    assert more == f"… {102 - TRACEBACK_LINES} more above"
    assert lines[-2:] == ["  line 99", "KeyError: 'a'"]


def test_a_failure_that_was_foreseen_is_one_line():
    assert probe_failure("no memory\n") == "the probe failed inside the image: no memory"
    assert probe_failure("") == "the probe failed inside the image: it wrote nothing"
