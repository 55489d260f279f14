"""What is declared against what real images hold: where it stands, and whether it was changed."""

import base64
import hashlib

import pytest

pytestmark = pytest.mark.engine

SYSTEM = "/usr/lib/python3/dist-packages"
VENV = "/opt/venv/lib/python3.11/site-packages"
NAMES = ("alpha", "beta", "gamma")
CHECKS = "pinned or hashes or parity or conflicts"


@pytest.fixture
def project(user_project, small_image):
    """Installs distributions into a folder, with all that pip leaves there."""

    def write(folder, *then, settings=""):
        for name in NAMES:
            module, metadata = f"# {name}\n", f"Name: {name}\nVersion: 1.0\n"
            record = "".join(_row(path, text) for path, text in (
                (f"{name}.py", module), (f"{name}-1.0.dist-info/METADATA", metadata)
            ))  # fmt: skip
            user_project.write(f"site/{name}.py", module)
            user_project.write(f"site/{name}-1.0.dist-info/METADATA", metadata)
            user_project.write(
                f"site/{name}-1.0.dist-info/RECORD", f"{record}{name}-1.0.dist-info/RECORD,,\n"
            )
        lines = [f"FROM {small_image}", f"COPY site {folder}", *then, 'CMD ["python3", "-V"]']
        user_project.write("Dockerfile", "\n".join(lines) + "\n")
        pins = (f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in NAMES)
        user_project.write("requirements.txt", "".join(pins))
        user_project.write(
            "pyproject.toml",
            "[tool.tfdocker.dependencies]\nfiles = ['requirements.txt']\n" + settings,
        )
        return user_project

    return write


def _row(path, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"{path},sha256={digest.rstrip('=')},{len(text)}\n"


def test_of_a_wrong_environment_there_is_one_finding(project):
    said = project(VENV).judge("-k", f"build or {CHECKS}")
    assert said.outcomes["parity"] == "failed"
    assert said.texts["parity"].splitlines() == [
        "wrong environment: 3 of 3 stand in /opt/venv",
        "  looked in /usr/bin/python3 (CMD python3 -V): 0 of 3",
        f"  found in  {VENV}: 3 of 3",
        "  mend: start the service with /opt/venv/bin/python, or put /opt/venv/bin first on PATH",
        "  if it is started by that one after all: "
        'python = "/opt/venv/bin/python" in [tool.tfdocker]',
    ]
    (problem,) = said.image["dependencies"]["problems"]
    assert (problem["kind"], problem["wanted"]) == ("missing", VENV)


def test_files_as_installed_pass_and_a_changed_one_fails(project):
    hashes = "hashes = true\n"
    well = project(SYSTEM, f"RUN rm {SYSTEM}/gamma.py", settings=hashes).judge("-k", CHECKS)
    assert well.outcomes == {
        "pinned": "passed", "hashes": "passed", "parity": "passed", "conflicts": "passed",
    }  # fmt: skip
    assert said_of(well) == [
        "3 of 3 pins carry a hash",
        "  compared with RECORD: 3 distributions, 5 files are as installed",
        "  not judged: 1 files that RECORD lists are gone",
    ]
    changed = f"RUN echo '# patched' >>{SYSTEM}/beta.py"
    said = project(SYSTEM, changed, settings=hashes).judge("-k", CHECKS)
    assert said.broken == {"hashes"}
    assert said_of(said)[:4] == [
        "1 distribution modified: beta 1.0",
        "  wanted beta 1.0 as recorded when it was installed",
        f"  found  1 of 2 files changed since, in {SYSTEM}",
        f"         {SYSTEM}/beta.py",
    ]
    (problem,) = said.image["dependencies"]["problems"]
    assert (problem["kind"], problem["name"]) == ("modified", "beta")


CLASSIC = {"transformers": "4.18.0", "torch": "1.11.0+cu113", "numpy": "1.22.3"}


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ({}, None),
        ({"torch": "1.11.0+cpu"}, ("local-version", "torch", "1.11.0+cu113", "1.11.0+cpu")),
        ({"torch": "1.11.0"}, ("local-version", "torch", "1.11.0+cu113", "1.11.0")),
        ({"torch": "1.12.0+cu113"}, ("version", "torch", "1.11.0+cu113", "1.12.0+cu113")),
        ({"numpy": "1.22.4"}, ("version", "numpy", "1.22.3", "1.22.4")),
        ({"transformers": None}, ("missing", "transformers", "4.18.0", None)),
        ({"tokenizers": "0.12.1"}, ("unexpected", "tokenizers", None, "0.12.1")),
    ],
    ids=lambda one: "-".join(map(str, one)) if one else "as-declared",
)
def test_a_classic_requirements_file(user_project, small_image, there, problem):
    pins = "".join(f"{name}=={version}\n" for name, version in CLASSIC.items())
    user_project.write("requirements.txt", pins)
    for name, version in {**CLASSIC, **there}.items():
        if version is not None:
            folder = f"site/{name}-{version}.dist-info"
            user_project.write(f"{folder}/METADATA", f"Name: {name}\nVersion: {version}\n")
    user_project.write("Dockerfile", f"FROM {small_image}\nCOPY site {SYSTEM}\n")
    said = user_project.judge("-k", "pinned or parity")
    assert said.outcomes == {"pinned": "passed", "parity": "failed" if problem else "passed"}
    found = said.image["dependencies"]["problems"]
    keys = ("kind", "name", "wanted", "found")
    assert [tuple(one[key] for key in keys) for one in found] == ([problem] if problem else [])


def said_of(said):
    """The text of `hashes`, which a check that passes has in the summary alone."""
    return said.texts["hashes"].splitlines()


OWN = """
from pytest_tfdocker import assert_hashes


def test_own(tfdocker_image):
    assert_hashes(tfdocker_image)
"""


def test_a_test_of_the_users_asserts_the_same(project):
    there = project(SYSTEM, f"RUN echo '# patched' >>{SYSTEM}/beta.py")
    there.write("test_own.py", OWN)
    said = there.judge("-k", "test_own")
    assert said.tests == {"test_own": "failed"}
    assert "1 distribution modified: beta 1.0" in said.output


def test_the_comparison_is_kept(project):
    there = project(SYSTEM, settings="hashes = true\n")
    first, second = (there.judge("-k", "hashes") for _ in range(2))
    assert first.outcomes == second.outcomes == {"hashes": "passed"}
    assert "compare: installed files" in first.output
    assert "compare: installed files" not in second.output
