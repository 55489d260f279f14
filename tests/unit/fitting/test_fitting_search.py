"""The search: few questions, an answer that is near what is needed, and that has passed thrice."""

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.fitting.search import (
    LEAST_BYTES,
    MIB,
    MOST_TRIALS,
    PASSES,
    Search,
    tolerance,
)

MOST = 64 << 30
SIZES = st.integers(MIB, MOST)


def asked(search, passes):
    """The limits that it asked for, where `passes(limit)` says what came of each."""
    limits = []
    while (limit := search.next()) is not None:
        assert search.next() == limit, "to ask changes nothing"
        limits.append(limit)
        search.learn(limit, passed=passes(limit))
    return limits


@given(needed=SIZES, guess=SIZES, enough=SIZES, far=st.booleans())
def test_what_is_needed_is_met_within_the_tolerance(needed, guess, enough, far):
    # What a run without a limit has filled may be felt as one, but it is not far off
    enough = max(enough, needed // 2) if far else enough
    search = Search(guess=guess, enough=enough, most=2 * MOST)
    limits = []
    while (limit := search.next()) is not None:
        limits.append(limit)
        search.learn(limit, passed=limit >= needed, is_far=far)
    found, failing = search.smallest, search.failing
    assert found >= needed
    assert limits.count(found) == PASSES
    assert all(limit % MIB == 0 for limit in limits)
    if failing is None:
        assert found == LEAST_BYTES
    else:
        assert failing < needed
        assert found - failing <= tolerance(found)
    assert len(limits) <= MOST_TRIALS


@given(needed=SIZES, off=st.floats(-0.05, 0.05))
def test_a_guess_that_is_5_percent_off_takes_few_runs(needed, off):
    guess = int(needed * (1 + off))
    search = Search(guess=guess, enough=2 * needed, most=2 * MOST)
    assert len(asked(search, lambda limit: limit >= needed)) <= 8


@given(needed=SIZES, guess=SIZES)
def test_runs_grow_by_the_logarithm_of_how_far_off_the_guess_is(needed, guess):
    search = Search(guess=guess, enough=needed, most=2 * MOST)
    steps = abs(needed - guess) / tolerance(min(needed, guess)) + 2
    limits = asked(search, lambda limit: limit >= needed)
    assert len(limits) <= 2 * ceil(log2(steps)) + PASSES + 2


@given(needed=SIZES, cache=st.integers(0, 1 << 30))
def test_where_cache_decides_it_halves_what_is_below_enough_at_once(needed, cache):
    search = Search(guess=MIB, enough=needed + cache, most=2 * MOST)
    limits = []
    while (limit := search.next()) is not None:
        limits.append(limit)
        search.learn(limit, passed=limit >= needed, is_far=limit < needed)
    enough = needed + cache + MIB
    assert max(limits) <= max(limits[0], enough)
    assert len(limits) <= ceil(log2(enough / tolerance(needed) + 1)) + PASSES + 3
    assert search.smallest - needed <= tolerance(search.smallest)


@given(answers=st.lists(st.booleans(), min_size=MOST_TRIALS), guess=SIZES, enough=SIZES)
def test_whatever_is_answered_it_ends_and_its_answer_has_passed_thrice(answers, guess, enough):
    search = Search(guess=guess, enough=enough, most=MOST)
    ahead = iter(answers)
    passed = []
    while (limit := search.next()) is not None:
        assert LEAST_BYTES <= limit <= MOST
        is_good = next(ahead)
        passed += [limit] if is_good else []
        search.learn(limit, passed=is_good)
        assert search.left >= 0
    if search.smallest is not None:
        assert passed.count(search.smallest) >= PASSES
        assert search.failing is None or search.failing < search.smallest


@given(needed=SIZES)
def test_no_more_than_the_most_is_tried(needed):
    search = Search(guess=needed, enough=needed, most=needed // 2 // MIB * MIB + LEAST_BYTES)
    limits = asked(search, lambda _: False)
    assert search.smallest is None
    assert max(limits) == limits[-1] == search.most == search.failing


def test_an_answer_that_fails_once_of_three_is_raised_by_a_step_and_passes_there_thrice():
    outcomes = {400: [True, True, False], 384: [False], 416: [True, True, True]}
    search = Search(guess=400 * MIB, enough=500 * MIB, most=MOST)
    limits = asked(search, lambda limit: outcomes[limit // MIB].pop(0))
    assert [limit // MIB for limit in limits] == [400, 384, 400, 400, 416, 416, 416]
    assert (search.smallest, search.failing) == (416 * MIB, 400 * MIB)


def test_what_goes_on_failing_is_raised_by_steps_that_double():
    outcomes = {400: [True, False], 384: [False], 416: [True, False], 448: [True, False], 512: []}
    search = Search(guess=400 * MIB, enough=500 * MIB, most=MOST)
    limits = asked(
        search, lambda limit: not outcomes[limit // MIB] or outcomes[limit // MIB].pop(0)
    )
    assert list(dict.fromkeys(limit // MIB for limit in limits)) == [400, 384, 416, 448, 512]
    assert search.smallest == 512 * MIB


def test_what_is_raised_stays_below_the_most():
    search = Search(guess=400 * MIB, enough=500 * MIB, most=405 * MIB)
    answers = iter([True, False, False, True, False])
    limits = asked(search, lambda _: next(answers))
    assert [limit // MIB for limit in limits] == [400, 384, 400, 405, 405]
    assert search.smallest is None


def test_a_limit_that_is_known_to_fail_spares_a_run():
    search = Search(guess=412 * MIB, enough=500 * MIB, most=MOST, failed_at=400 * MIB)
    assert len(asked(search, lambda limit: limit >= 405 * MIB)) == PASSES
    assert (search.smallest, search.failing) == (412 * MIB, 400 * MIB)


def test_nothing_is_asked_at_or_below_what_is_known_to_fail():
    search = Search(guess=100 * MIB, enough=500 * MIB, most=MOST, failed_at=400 * MIB)
    limits = asked(search, lambda limit: limit >= 405 * MIB)
    assert min(limits) > 400 * MIB
    assert 405 * MIB <= search.smallest <= 416 * MIB


@pytest.mark.parametrize(
    ("limit", "within"), [(100, 16), (800, 16), (849, 16), (850, 17), (4096, 81)]
)
def test_the_tolerance_is_16_mib_or_2_percent(limit, within):
    assert tolerance(limit * MIB) == within * MIB


def test_what_is_left_is_told_about_right():
    search = Search(guess=412 * MIB, enough=500 * MIB, most=MOST)
    told = []
    while (limit := search.next()) is not None:
        told.append(search.left)
        search.learn(limit, passed=limit >= 405 * MIB)
    assert told == [4, 3, 2, 1]
    assert search.left == 0
