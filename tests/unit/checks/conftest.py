"""What pinned and parity are given: lines of a requirements.txt, and what is installed."""

import pytest
from declaring import asked

from pytest_tfdocker.evidence.records import Distributions
from pytest_tfdocker.locks.declared import Declared


@pytest.fixture
def given(facts, evidence, distribution):
    """Facts of lines and of installed distributions, "torch 2.13.0"."""

    def make(lines, *installed, settings=None, others=(), elsewhere=None, records=None, **changes):
        here = [
            one if not isinstance(one, str) else distribution(*one.split()) for one in installed
        ]
        there = evidence(
            distributions=Distributions(
                installed=here, others=list(others), elsewhere=elsewhere or {}
            ),
            **changes,
        )
        declared = lines if isinstance(lines, Declared) else asked(*lines)
        dependencies = {"dependencies": settings or {}}
        return facts(dependencies, declared=declared, evidence=there, records=records)

    return make
