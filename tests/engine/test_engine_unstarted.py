"""What an image's files tell of its Python, and what the probe finds inside: the same."""

import io
import json
import posixpath
import tarfile

import msgspec
import pytest

from pytest_tfdocker.engine.errors import ImageNotFoundError
from pytest_tfdocker.evidence.image import image_config, platform_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.listing import read_listing, unpacked
from pytest_tfdocker.evidence.parts import Compared, inventory_of
from pytest_tfdocker.evidence.placing import place_files
from pytest_tfdocker.evidence.unstarted import ImageTree, Kept, environ_of, read_unstarted

pytestmark = pytest.mark.engine

OF_THE_KERNEL = {"platform_release": "", "platform_version": ""}
FILES = {"count": 0, "apparent_bytes": 0, "block_bytes": 0, "unreadable": 0, "seconds": 0.0}


class Stream(io.RawIOBase):
    """Pieces of bytes, as one file."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self._ahead = b""

    def read(self, size):
        while len(self._ahead) < size and (piece := next(self._pieces, b"")):
            self._ahead += piece
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found


class Exported:
    """The files of an image, from the export of a container that never ran."""

    def __init__(self, archive, config):
        self.folders, self.rows, self.targets, self.programs = set(), {}, {}, set()
        self.kept = Kept([*config.entrypoint, *config.command])
        links = {}
        for member in archive:
            path = "/" + member.name.strip("/")
            if member.isdir():
                self.folders.add(path)
            elif member.islnk():
                links[path] = "/" + member.linkname
            else:
                self.add(path, member, archive)
        for path, first in links.items():
            self.rows[path] = self.rows[first]
            self.programs |= {path} if first in self.programs else set()
            if first in self.kept.contents:
                self.kept.put(path, self.kept.contents[first])

    def add(self, path, member, archive):
        self.rows[path] = (path, member.size)
        if member.issym():
            self.targets[path] = member.linkname
            self.rows[path] = (path, len(member.linkname.encode()))
        elif member.isreg():
            executable = bool(member.mode & 0o111)
            self.programs |= {path} if executable else set()
            wanted = self.kept.wanted_bytes(path, member.size, executable=executable)
            if wanted is not None:
                self.kept.put(path, archive.extractfile(member).read(wanted))

    def tree(self, config):
        return ImageTree(
            self.rows.keys(),
            targets=self.targets,
            folders=self.folders,
            programs=self.programs,
            contents=self.kept.contents,
            environ=environ_of(config),
            cwd=config.workdir,
        )

    def listing(self):
        """As the probe's walk has it."""
        by_folder = {}
        for path in self.rows:
            by_folder.setdefault(posixpath.dirname(path), []).append(posixpath.basename(path))
        found = []
        for folder, names in by_folder.items():
            rows = [self.rows[posixpath.join(folder, name)] for name in names]
            hard = {str(at): first for at, (first, _) in enumerate(rows)}
            sizes = [size for _, size in rows]
            found.append([folder, "/".join(names), sizes, [0] * len(names), hard, {}])
        return ["json", json.dumps(found)]


@pytest.fixture
def exported(docker_client):
    """The files of an image, by its tag."""

    def read(tag, config):
        container = docker_client.containers.create(tag, ["-"])
        try:
            stream = Stream(container.export())
            with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
                return Exported(archive, config)
        finally:
            container.remove(force=True)

    return read


@pytest.fixture
def both(engine, exported):
    """The inventory from inside, and the one that nothing was started for."""

    def read(tag, python=None):
        try:
            inspected = engine.inspect(tag)
        except ImageNotFoundError:
            pytest.skip(f"no image {tag}")
        config = image_config(inspected)
        files = exported(tag, config)
        told = read_unstarted(files.tree(config), config, platform_of(inspected), python)
        assert (told.pop("problems"), files.kept.problems()) == ([], [])
        report = {**told, "files": FILES, "owned": unpacked(told["owned"])}
        listing = read_listing(unpacked(files.listing()))
        placed = place_files(listing, [])
        inside = collect_inventory(
            engine, inspected["Id"], config, run_id="test", python=python, contents=False
        )
        return inside, inventory_of(report, listing, placed, lambda: Compared([]), config)

    return read


OF_A_START = {"bits": None, "libc": None}
"""What an interpreter alone tells of itself."""


def assert_same(inside, unstarted):
    told = msgspec.to_builtins(inside.interpreter)
    told["environment"] |= OF_THE_KERNEL
    told |= OF_A_START
    assert msgspec.to_builtins(unstarted.interpreter) == told
    assert unstarted.distributions == inside.distributions
    assert owned(unstarted) == owned(inside)


def owned(inventory):
    """Bytes by owner, of owners that an image's own data names."""
    kinds = ("distribution", "os-package")
    return {(o.kind, o.name, o.version, o.bytes) for o in inventory.files.owners if o.kind in kinds}


def test_of_the_small_image(both, small_image):
    assert_same(*both(small_image))


@pytest.mark.parametrize("tag", ["python:3.11-slim", "tfdocker/sentence-embeddings:default"])
def test_of_an_image_with_distributions(both, tag):
    inside, unstarted = both(tag)
    assert inside.distributions.installed
    assert_same(inside, unstarted)


DOCKERFILE = r"""
FROM python:3.11-slim
RUN useradd --create-home app && mkdir -p /src/proj /app /opt/links
RUN pip install --no-cache-dir idna==3.7 && python -m venv --system-site-packages /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir idna==3.10 six==1.16.0 \
 && ln -s ../venv /opt/links/env && ln -s loop /opt/links/loop
RUN printf '[project]\nname = "proj"\nversion = "1.0"\n' >/src/proj/pyproject.toml \
 && echo 'x = 1' >/src/proj/proj.py \
 && /opt/venv/bin/pip install --no-cache-dir --no-build-isolation -e /src/proj
RUN site=$(echo /opt/venv/lib/python3*/site-packages) && echo /src >$site/own.pth \
 && rm $site/six-1.16.0.dist-info/METADATA && mkdir $site/broken-2.0.dist-info \
 && printf 'Name: b\344d\nVersion: 1\n' >$site/broken-2.0.dist-info/METADATA \
 && python -c "open(b'/opt/f\xff\nname', 'w')"
USER app
RUN pip install --no-cache-dir --user packaging==24.0
RUN printf '#!/bin/sh\n. /opt/links/env/bin/activate\nexec "$@"\n' >/tmp/entry
ENV PYTHONPATH=/app:lib
WORKDIR /app
ENTRYPOINT ["sh", "/tmp/entry"]
CMD ["python", "app.py"]
"""


@pytest.mark.slow
def test_of_an_image_where_much_is_odd(both, docker_client, user_project):
    """Links, .pth, an editable install, a shadowed copy, broken metadata, a user's own site."""
    user_project.write("Dockerfile", DOCKERFILE)
    docker_client.images.build(path=str(user_project.folder), tag=user_project.tag, rm=True)
    inside, unstarted = both(user_project.tag)
    names = [one.name for one in inside.distributions.installed]
    assert {"idna", "six", "proj", "packaging"} <= {*names}
    assert_same(inside, unstarted)
    assert_same(*both(user_project.tag, "/usr/local/bin/python"))


def test_of_a_base_without_python_no_layer_is_read(
    engine, user_project, docker_client, monkeypatch
):
    """Whose layers those are, of a base, nobody asks: it has no distributions."""
    user_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
    user_project.write("a", "1")
    docker_client.images.build(path=str(user_project.folder), tag=user_project.tag)
    inspected = engine.inspect(user_project.tag)
    monkeypatch.setattr(type(engine), "save", lambda *_: pytest.fail("it was saved"))
    found = collect_inventory(
        engine, inspected["Id"], image_config(inspected), run_id="test", contents=False
    )
    assert found.distributions.installed == []
