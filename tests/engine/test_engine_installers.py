"""One project, installed by pip, uv, Poetry and pipenv: right as it is, wrong by one change."""

import pytest
from installers import POETRY_INDEX, run

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = """\
[project]
name = "px-app"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["httpx==0.28.1", "colorama; sys_platform == 'win32'"]

[project.optional-dependencies]
fast = ["tomli"]

[dependency-groups]
dev = ["iniconfig"]

[tool.tfdocker.dependencies]
hashes = true
"""
PIPFILE = """\
[packages]
httpx = "==0.28.1"
tomli = "*"

[dev-packages]
iniconfig = "*"
"""
HEAD = """\
FROM python:3.11-slim
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV REQUESTS_CA_BUNDLE=$SSL_CERT_FILE
WORKDIR /app
"""
TAIL = 'ENV PATH=/app/.venv/bin:$PATH\nCMD ["python", "-c", "import httpx"]\n'
INSTALLED = {
    "pip": """\
COPY requirements.txt ./
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir -r requirements.txt
""",
    "uv": """\
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-cache --no-dev --extra fast
""",
    "poetry": """\
RUN pip install --no-cache-dir poetry==2.5.1
ENV POETRY_VIRTUALENVS_IN_PROJECT=true
COPY pyproject.toml poetry.lock ./
RUN poetry install --no-interaction --no-cache --no-root --only main --extras fast
""",
    "pipenv": """\
RUN pip install --no-cache-dir pipenv==2026.10.3
ENV PIPENV_VENV_IN_PROJECT=1
COPY Pipfile Pipfile.lock ./
RUN pipenv sync
""",
}
SITE = "/app/.venv/lib/python3.11/site-packages"
COPY = f"{SITE}/idna-9.9.dist-info"
EXTRA = f"{SITE}/extra-1.0.dist-info"
CHANGES = {
    "missing": (f"rm -r {SITE}/tomli*", [("missing", "tomli")]),
    "version": (
        "pip --python /app/.venv install --no-cache-dir --no-deps idna==3.9",
        [("version", "idna")],
    ),
    "unexpected": (
        f"mkdir {EXTRA} && printf 'Name: extra\\nVersion: 1.0\\n' >{EXTRA}/METADATA",
        [("unexpected", "extra")],
    ),
    "modified": (f"echo '# patched' >>{SITE}/idna/core.py", [("modified", "idna")]),
    "twice": (
        f"mkdir {COPY} && printf 'Name: idna\\nVersion: 9.9\\n' >{COPY}/METADATA",
        [("duplicate", "idna")],
    ),
}


@pytest.fixture(scope="module", params=INSTALLED)
def locked(request, tmp_path_factory):
    """A tool, and the files that its project has."""
    tool, folder = request.param, tmp_path_factory.mktemp("locked")
    (folder / "pyproject.toml").write_text(PROJECT + (POETRY_INDEX if tool == "poetry" else ""))
    if tool == "pip":
        compiled = ("pip", "compile", "pyproject.toml", "--extra", "fast", "--generate-hashes")
        run("uv", *compiled, "--no-header", "-o", "requirements.txt", folder=folder)
    elif tool == "pipenv":
        (folder / "Pipfile").write_text(PIPFILE)
        run("pipenv", "lock", folder=folder)
    else:
        run(tool, "lock", folder=folder)
    return tool, {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def project(user_project, locked):
    def write(change=""):
        tool, files = locked
        for name, text in files.items():
            user_project.write(name, text)
        changed = f"RUN {change}\n" if change else ""
        user_project.write("Dockerfile", HEAD + INSTALLED[tool] + changed + TAIL)
        return user_project

    return write


def problems(said):
    return sorted((one["kind"], one["name"]) for one in said.image["dependencies"]["problems"])


def test_as_it_was_locked_it_passes(project):
    said = project().judge("-k", "build or pinned or hashes or parity or conflicts")
    assert said.outcomes == dict.fromkeys(
        ("build", "pinned", "hashes", "parity", "conflicts"), "passed"
    ), said.texts
    assert problems(said) == []


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_is_one_problem(project, change):
    command, expected = CHANGES[change]
    said = project(command).judge("-k", "build or pinned or hashes or parity or conflicts")
    assert problems(said) == expected
