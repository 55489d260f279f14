"""The registry: every check once, in the order that users see."""

from pytest_tfdocker.checks.registry import CHECKS


def test_the_order_is_that_of_the_documentation():
    assert [check.name for check in CHECKS] == [
        "build",
        "size",
        "package-size",
        "bloat",
        "pinned",
        "hashes",
        "parity",
        "conflicts",
        "import",
        "gpu-visible",
        "limits",
        "threads",
        "peak-memory",
        "duration",
    ]


def test_without_settings_these_are_planned(image, declared):
    planned = {check.name: check.plan(image(), declared("torch==2.13.0")) for check in CHECKS}
    assert {name: parameters for name, parameters in planned.items() if parameters} == {
        "build": [None],
        "pinned": [None],
        "parity": [None],
        "conflicts": [None],
        "import": ["torch", "undeclared"],
        "gpu-visible": [None],
    }
