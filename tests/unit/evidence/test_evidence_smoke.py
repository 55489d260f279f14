"""What a smoke changes of how its container is started."""

import pytest

from pytest_tfdocker.evidence.smoke import with_env
from pytest_tfdocker.settings.schema import Run


@pytest.mark.parametrize(
    ("of_run", "of_smoke", "together"),
    [
        (["A=1"], [], ["A=1"]),
        (["A=1", "B=2"], ["C=3"], ["A=1", "B=2", "C=3"]),
        (["A=1", "B"], ["B=3", "A"], ["B=3", "A"]),
        (["AB=1"], ["A=2"], ["AB=1", "A=2"]),
    ],
)
def test_variables_of_a_smoke_stand_beside_and_above_those_of_run(of_run, of_smoke, together):
    assert with_env(Run(env=of_run, pids=5), of_smoke) == Run(env=together, pids=5)
