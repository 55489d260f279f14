"""Of the interpreters at hand: what a listing of their files tells is what they say themselves."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pytest_tfdocker import probe
from pytest_tfdocker.evidence.records import ImageConfig
from pytest_tfdocker.evidence.unstarted import ImageTree, Kept, environ_of, read_unstarted

COOKIE = "<cookie|"
OF_THE_KERNEL = {"platform_release", "platform_version"}
OF_A_START = {"libc", "bits"}


@pytest.fixture
def said(tmp_path):
    """What an interpreter says of itself, as the probe asks it."""

    def ask(python, **environ):
        done = subprocess.run(
            [python, "-B", "-c", probe.source("ask_interpreter"), COOKIE],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environ},
            cwd=tmp_path,
        )
        return json.loads(done.stdout.partition(COOKIE)[2].partition(COOKIE[::-1])[0])

    return ask


@pytest.fixture
def told(tmp_path):
    """What is told of an interpreter by the files in these folders, and above them."""

    def read(python, folders, **environ):
        config = ImageConfig(
            command=[python],
            env=[f"{name}={value}" for name, value in {"HOME": str(tmp_path), **environ}.items()],
            workdir=str(tmp_path),
        )
        return read_unstarted(listed(folders, config), config, platform())["interpreter"]

    return read


def platform():
    machine = os.uname().machine
    return "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def listed(folders, config):
    """What stands directly in these folders, and the way to them, as an archive would tell it."""
    kept, paths, targets, programs = Kept(), [], {}, set()
    inside = {path for folder in folders if folder.is_dir() for path in folder.iterdir()}
    every = inside.union(*({folder, *folder.parents} for folder in folders))
    for path in every:
        if path.is_symlink():
            targets[str(path)] = str(path.readlink())
        elif path.is_file():
            paths.append(str(path))
            add_file(path, kept, programs)
    return ImageTree(
        paths,
        targets=targets,
        folders=[str(path) for path in every if path.is_dir() and not path.is_symlink()],
        programs=programs,
        contents=kept.contents,
        environ=environ_of(config),
        cwd=config.workdir,
    )


def add_file(path, kept, programs):
    executable = os.access(path, os.X_OK)
    if executable:
        programs.add(str(path))
    wanted = kept.wanted_bytes(str(path), path.stat().st_size, executable=executable)
    if wanted is not None:
        kept.put(str(path), path.read_bytes()[:wanted])


def base_folders(said):
    """Where an interpreter has what it needs to find itself, and to be found."""
    above = Path(said["executable"])
    found = [above.resolve().parent, above.resolve().parents[1] / "lib"]
    while above.is_symlink():
        above = above.parent / above.readlink()
        found.append(above.parent)
    return [*found, *map(Path, said["path"])]


def assert_same(told, said):
    assert "error" not in told
    for answer in (told, said):
        answer["environment"] = {
            k: v for k, v in answer["environment"].items() if k not in OF_THE_KERNEL
        }
    assert {told[key] for key in OF_A_START} == {None}
    assert {key: told[key] for key in said if key not in OF_A_START} == {
        key: said[key] for key in said if key not in OF_A_START
    }


def test_an_interpreter(python, said, told):
    base = said(python)["executable"]  # `python` may be a script that finds it
    answer = said(base)
    assert_same(told(base, base_folders(answer)), answer)


@pytest.fixture
def venv(end_python, said, tmp_path):
    """An environment of the interpreter, as its own `venv` makes it."""
    base = said(end_python)["executable"]

    def make(*options):
        command = [base, "-m", "venv", "--without-pip", *options, str(tmp_path / "venv")]
        subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin"})
        [site] = (tmp_path / "venv/lib").glob("python3*/site-packages")
        return str(tmp_path / "venv/bin/python"), site

    return make


def own_folders(tmp_path):
    return [folder for folder in tmp_path.rglob("*") if folder.is_dir()]


@pytest.mark.parametrize("options", [(), ("--copies",)])
def test_an_environment_with_what_pth_files_name(venv, said, told, tmp_path, options):
    python, site = venv(*options)
    for name in ("one", "two", "three", site / "import sys"):
        (tmp_path / name).mkdir()
    (site / "b.pth").write_text(f"# no\n\n{tmp_path}/two\nnowhere\nimport sys\n{tmp_path}/two\n")
    (site / "a.pth").write_text(f"{tmp_path}/one/../three\n../../../../one")
    answer = said(python)
    assert f"{tmp_path}/three" in answer["path"]
    assert_same(told(python, base_folders(answer) + own_folders(tmp_path)), answer)


def test_an_environment_open_to_the_system_the_user_and_pythonpath(venv, said, told, tmp_path):
    python, site = venv("--system-site-packages")
    user = tmp_path / ".local/lib" / site.parent.name / "site-packages"
    user.mkdir(parents=True)
    environ = {"PYTHONPATH": f"{tmp_path}/first::second"}
    answer = said(python, **environ)
    assert str(user) in answer["path"]
    folders = base_folders(said(python)) + own_folders(tmp_path)
    assert_same(told(python, folders, **environ), answer)
    answer = said(python, **environ, PYTHONNOUSERSITE="1")
    assert_same(told(python, folders, **environ, PYTHONNOUSERSITE="1"), answer)


EASY_INSTALL = """import sys; sys.__plen = len(sys.path)
./foo-1.0-py3.egg
{}/src
import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); \
sys.path[p:p]=new; sys.__egginsert = p+len(new)
"""


def test_what_easy_install_puts_first(venv, said, told, tmp_path):
    python, site = venv()
    (site / "foo-1.0-py3.egg").mkdir()
    for folder in (tmp_path, tmp_path / "venv"):
        (folder / "src").mkdir()
    (site / "easy-install.pth").write_text(EASY_INSTALL.format(tmp_path))
    (site / "setuptools.pth").write_text(EASY_INSTALL.format(tmp_path / "venv"))
    answer = said(python)
    first = [f"{site}/foo-1.0-py3.egg", f"{tmp_path}/src", f"{tmp_path}/venv/src"]
    assert answer["path"][:3] == first
    assert_same(told(python, base_folders(answer) + own_folders(tmp_path)), answer)
