"""The options of `uv sync`, `poetry install` and `pipenv sync`: what of a project they ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.locks.project_command import project_command
from pytest_tfdocker.locks.selection import PLAIN, Selection


def read(text, **variables):
    return project_command([Arg(word, 0) for word in text.split()], variables)


def asked(text, **variables):
    return read(text, **variables).selection


def some(*names):
    return frozenset(names)


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("uv sync", Selection(default_groups=True)),
        ("uv sync --frozen --no-dev", Selection(default_groups=True, without_groups=some("dev"))),
        ("uv sync --no-default-groups", Selection()),
        ("uv sync --only-dev", Selection(project=False, groups=some("dev"))),
        ("uv sync --only-group=docs", Selection(project=False, groups=some("docs"))),
        (
            "/bin/uv -q --project /x sync --extra GPU --extra=my_extra",
            Selection(default_groups=True, extras=some("gpu", "my-extra")),
        ),
        (
            "uv sync --all-extras --no-extra cpu --all-groups --no-group dev",
            Selection(
                default_groups=True,
                all_extras=True,
                without_extras=some("cpu"),
                all_groups=True,
                without_groups=some("dev"),
            ),
        ),
        ("uv sync --package app", Selection(default_groups=True, packages=some("app"))),
        ("uv run --group docs python -m x --group y", Selection(
            default_groups=True, groups=some("docs"))),
        ("poetry install", Selection(default_groups=True)),
        ("poetry install --only main", Selection(groups=some("main"))),
        ("poetry install --only=dev,docs", Selection(project=False, groups=some("dev", "docs"))),
        ("poetry install --no-dev", Selection(groups=some("main"))),
        ("uv sync --no-install-workspace", Selection(default_groups=True, members=False)),
        ("uv sync --no-install-local", Selection(default_groups=True, local=False)),
        (
            "poetry install --without dev --with docs,tests -E gpu",
            Selection(
                default_groups=True,
                without_groups=some("dev"),
                groups=some("docs", "tests"),
                extras=some("gpu"),
            ),
        ),
        ("poetry install --only-root", Selection(project=False)),
        ("poetry sync --all-extras --all-groups", Selection(
            default_groups=True, all_extras=True, all_groups=True)),
        ("pipenv install --system --deploy", PLAIN),
        ("python3 -m pipenv sync --dev", Selection(groups=some("develop"))),
        ("pipenv sync -d", Selection(groups=some("develop"))),
        ("pipenv sync --categories dev-packages,docs", Selection(
            project=False, groups=some("develop", "docs"))),
        ("pipenv install --categories packages", Selection(groups=some("default"))),
    ],
)  # fmt: skip
def test_options_say_what_is_asked_for(text, selection):
    assert asked(text) == selection


@pytest.mark.parametrize(
    ("text", "variables", "same"),
    [
        ("uv sync", {"UV_NO_DEV": "1"}, "uv sync --no-dev"),
        ("uv sync", {"UV_NO_DEV": "0"}, "uv sync"),
        ("uv sync --dev", {"UV_NO_DEV": "1"}, "uv sync --dev"),
        ("uv sync --only-dev", {"UV_NO_DEV": "1"}, "uv sync --only-dev"),
        ("uv sync", {"UV_NO_GROUP": "docs lint"}, "uv sync --no-group docs --no-group lint"),
        ("uv sync", {"UV_NO_INSTALL_WORKSPACE": "1"}, "uv sync --no-install-workspace"),
        ("pipenv sync", {"PIPENV_DEV": "1"}, "pipenv sync --dev"),
        ("pipenv sync --dev", {"PIPENV_DEFAULT_CATEGORIES": "docs"}, "pipenv sync --dev"),
        ("pipenv sync", {"PIPENV_DEFAULT_CATEGORIES": "packages,docs"},
         "pipenv sync --categories packages,docs"),
        ("uv sync", {"UV_NO_DEFAULT_GROUPS": "true"}, "uv sync --no-default-groups"),
        ("pipenv sync", {"PIPENV_DEFAULT_CATEGORIES": "packages docs"},
         "pipenv sync --categories packages,docs"),
    ],
)  # fmt: skip
def test_the_environment_says_it_too(text, variables, same):
    assert asked(text, **variables) == asked(same)


@pytest.mark.parametrize(
    "text",
    ["", "uv", "uv lock", "uv pip sync x", "uv run --no-sync x", "uv run --no-project x",
     "uv run --isolated x", "poetry", "poetry run x", "poetry lock", "pipenv run x",
     "python -m", "python -m pip install x", "python app.py sync", "uvx sync"],
)  # fmt: skip
def test_other_commands_are_none(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("uv sync", True),
        ("uv sync --inexact", False),
        ("uv run x", False),
        ("uv run --exact x", True),
        ("poetry install", False),
        ("poetry install --sync", True),
        ("poetry sync", True),
        ("pipenv sync", False),
        ("pipenv sync --clean", True),
    ],
)
def test_whether_others_are_taken_away(text, exact):
    assert read(text).exact is exact


def test_a_value_that_chooses_and_is_not_known_is_told():
    words = [Arg("uv", 0), Arg("sync", 3), Arg("--extra", 8), Arg("$E", 16, ("E",))]
    found = project_command(words, {})
    assert found.unknown == words[-1]
    quiet = [Arg("uv", 0), Arg("sync", 3), Arg("--cache-dir", 8), Arg("$E", 16, ("E",))]
    assert project_command(quiet, {}).unknown is None


words = st.sampled_from(
    """uv sync run pip -m python poetry install pipenv --group -E --extra --extra=a -p --only
    --categories= -- - --no-dev x""".split()  # noqa: SIM905
)


@given(st.lists(words | st.text(max_size=5)))
def test_any_words_are_a_command_or_none(words):
    found = project_command([Arg(word, 0) for word in words], {})
    assert found is None or found.shown
