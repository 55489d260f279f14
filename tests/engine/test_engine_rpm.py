"""Images whose OS is rpm's: one that rpm itself has made, and one each recorded database."""

import lzma
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings

pytestmark = pytest.mark.engine

DATA = Path(__file__).parents[1] / "data/rpm"
SITE = "/usr/lib/python3/dist-packages"
HEADER_BYTES = 2_000_000
NAMES = {"berkeley": "Packages", "ndb": "Packages.db", "rpmdb.sqlite": "rpmdb.sqlite"}

SPEC = """\
Name: {name}
Version: 1.4.2
Release: 1
Summary: Made for a test
License: MIT
BuildArch: noarch
AutoReqProv: no
%description
%install
mkdir -p %{{buildroot}}/usr/include %{{buildroot}}{site}/demo-1.4.2.dist-info
{commands}
%files
{files}
"""
DEVEL = SPEC.format(
    name="demo-devel",
    site=SITE,
    commands=f"head -c {HEADER_BYTES} /dev/urandom >%{{buildroot}}/usr/include/demo.h",
    files="/usr/include/demo.h",
)
DEMO = SPEC.format(
    name="demo",
    site=SITE,
    commands=f"cd %{{buildroot}}{SITE}\necho >demo.py\n"
    r"printf 'Metadata-Version: 2.1\nName: demo\nVersion: 1.4.2\n' >demo-1.4.2.dist-info/METADATA",
    files=f"{SITE}/demo-1.4.2.dist-info\n{SITE}/demo.py",
)

MADE_BY_RPM = r"""
FROM python:3.11-slim AS rpm
RUN apt-get update && apt-get install -y --no-install-recommends rpm
COPY *.spec /specs/
RUN cd /specs && for spec in *.spec; do \
      rpmbuild -bb --define '_rpmdir /rpms' --define '__os_install_post %{nil}' "$spec"; done
RUN mkdir /out && rpm --root /out --dbpath /usr/lib/sysimage/rpm -i --nodeps /rpms/noarch/*.rpm
"""


@pytest.fixture
def evidence_of(user_project, tmp_path):
    sessions = []

    def build(dockerfile):
        user_project.write("Dockerfile", dockerfile)
        session = Session(
            load_settings(user_project.folder, options=Options(), environ={}),
            Store(tmp_path / "run", None),
            f"rpm{os.getpid()}",
            building=lambda: nullcontext(lambda _: None),
            doing=lambda _: nullcontext(),
        )
        session.store.run_folder.mkdir()
        sessions.append(session)
        return session.evidence(session.settings.images[0])

    yield build
    for session in sessions:
        session.let_go()
        session.close()


def os_packages(evidence):
    """Bytes of rpm's packages, by name and version."""
    return {
        (one.name, one.version): one.bytes
        for one in evidence.files.owners
        if one.kind == "os-package" and one.name.startswith("demo")
    }


def build_tools(evidence):
    return next((one.bytes for one in evidence.files.bloat if one.cause == "build-tools"), 0)


@pytest.mark.slow
def test_what_rpm_has_installed_is_its_packages(evidence_of, user_project, small_image):
    user_project.write("devel.spec", DEVEL)
    user_project.write("demo.spec", DEMO)
    final = f'FROM {small_image}\nCOPY --from=rpm /out /\nCMD ["python3", "-V"]\n'
    evidence = evidence_of(MADE_BY_RPM + final)
    assert evidence.files.unread_packages is None
    assert os_packages(evidence)["demo-devel", "1.4.2"] == HEADER_BYTES
    assert build_tools(evidence) == HEADER_BYTES
    [demo] = [one for one in evidence.distributions.installed if one.name == "demo"]
    assert demo.installer == "rpm"


@pytest.mark.parametrize("recorded", sorted(path.name for path in DATA.iterdir()))
def test_a_recorded_database_owns_what_stands_where_it_says(
    evidence_of, user_project, small_image, recorded
):
    """With one that rpm can't have made beside it, in another of its places."""
    name = NAMES[recorded.partition("-")[0].removesuffix(".xz")]
    user_project.write("database", lzma.decompress((DATA / recorded).read_bytes()))
    user_project.write("demo.h", os.urandom(HEADER_BYTES))
    evidence = evidence_of(
        f"FROM {small_image}\nCOPY database /var/lib/rpm/{name}\nCOPY demo.h /usr/include/\n"
        "RUN mkdir -p /usr/share/rpm && echo no database >/usr/share/rpm/Packages\n"
        'CMD ["python3", "-V"]\n'
    )
    assert os_packages(evidence) == {("demo-devel", "1.4.2"): HEADER_BYTES}
    assert build_tools(evidence) == HEADER_BYTES
    reason = "/usr/share/rpm/Packages has a format that is not known"
    assert evidence.files.unread_packages == reason
