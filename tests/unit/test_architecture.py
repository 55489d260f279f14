"""CONTRIBUTING.md's rooms, read from the imports; and what a start of pytest loads of ours."""

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import pytest_tfdocker
from pytest_tfdocker.probe import OLDEST_PYTHON

PACKAGE = Path(pytest_tfdocker.__file__).parent
NAME = PACKAGE.name

ORDER = (
    ("text",),
    ("settings",),
    ("dockerfile",),
    ("locks",),
    ("archive",),
    ("engine",),
    ("probe",),
    ("evidence",),
    ("checks",),
    ("fitting",),
    ("report",),
    # Beside the rooms: the run object and what is made of it, then what carries.
    ("images",),
    ("session",),
    ("outcome", "judging", "fitted", "keys", "junit"),
    ("reports", "collector", "judged"),
    ("running",),
    ("readiness",),
    ("service",),
    ("service_factory", "arguments"),
    ("assertions", "fixtures"),
    ("voice",),
    ("host",),
    ("plugin",),
)
"""An import goes to the left; modules that stand together import none of each other."""
RANKS = {room: rank for rank, together in enumerate(ORDER) for room in together}
CARRIERS = ("plugin", "collector", "fixtures", "keys", "junit", "host", "voice")
HEAVY = ("docker", "testcontainers", "msgspec", "rich", "yaml", "packaging", "filelock", "requests")
LOADED = [NAME, f"{NAME}.fixtures", f"{NAME}.keys", f"{NAME}.plugin"]

DOES_IO = """
    asyncio ctypes docker fileinput filelock getpass glob http importlib io linecache logging mmap
    multiprocessing os pkgutil pty random requests rich runpy secrets select shelve shutil socket
    sqlite3 ssl subprocess sys tempfile testcontainers threading time urllib webbrowser yaml
""".split()  # noqa: SIM905
"""What reads, writes, asks or waits. A check that needs one of these needs a fact instead."""
LEXICAL = {(f"{NAME}.settings.schema", "os")}
"""Imports of `os` for its paths as text."""
IO_NAMES = {"open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__"}
IO_METHODS = """
    exists is_dir is_file iterdir lstat mkdir open read_bytes read_text rglob stat touch unlink
    write_bytes write_text
""".split()  # noqa: SIM905


def sources():
    """Path by module name, of every module of ours."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()


def tree_of(module):
    return ast.parse(SOURCES[module].read_text("utf-8"), str(SOURCES[module]))


def imports_of(module):
    """Every module that this one names in an import, wherever in the file: a function, too."""
    is_package = SOURCES[module].name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            inner = {f"{base}.{alias.name}" for alias in node.names}
            modules = inner & SOURCES.keys()
            found |= modules
            found |= set() if len(modules) == len(inner) else {base}
    return found


IMPORTS = {module: imports_of(module) for module in SOURCES}


def room_of(module):
    """The part after the package's name; "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def of_room(room):
    return [module for module in SOURCES if room_of(module) == room]


def top_of(module):
    return module.partition(".")[0]


def ours(modules):
    return {module for module in modules if top_of(module) == NAME}


def reached_from(modules):
    """These modules of ours, and all of ours that they import, however far away."""
    found, ahead = set(), set(modules)
    while ahead:
        found |= ahead
        ahead = {one for module in ahead for one in ours(IMPORTS[module])} - found
    return found


def test_every_module_has_its_place():
    rooms = {room_of(module) for module in SOURCES} - {""}
    assert rooms == RANKS.keys()


@pytest.mark.parametrize("room", RANKS)
def test_imports_go_one_way_between_the_rooms(room):
    back = [
        f"{module} imports {wanted}"
        for module in of_room(room)
        for wanted in sorted(ours(IMPORTS[module]))
        if room_of(wanted) != room and RANKS.get(room_of(wanted), len(ORDER)) >= RANKS[room]
    ]
    assert back == []


@pytest.fixture
def contributing():
    page = Path(__file__).parents[2] / "CONTRIBUTING.md"
    if not page.is_file():
        pytest.skip("no CONTRIBUTING.md beside these tests")
    return page.read_text("utf-8")


def test_of_the_settings_the_module_that_contributing_names_starts_a_program(contributing):
    (row,) = re.findall(r"^\| `settings/` \|.*$", contributing, re.MULTILINE)
    starting = [one for one in of_room("settings") if "subprocess" in IMPORTS[one]]
    assert starting == [f"{NAME}.settings.{name}" for name in re.findall(r"`(\w+)\.py`", row)]


def test_the_order_is_the_one_that_contributing_states(contributing):
    stated = re.search(r"^    (settings, locks → .*)$", contributing, re.MULTILINE)
    rooms = re.split(r", | → ", stated[1])
    assert sorted(rooms, key=RANKS.__getitem__) == rooms


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: ours(wanted) - {module} for module, wanted in IMPORTS.items()}
    # The package resolves its names lazily; every other module stands inside of it.
    graph.pop(NAME)
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", CARRIERS)
def test_what_carries_does_not_touch_the_engine(module):
    rooms = {room_of(wanted) for wanted in ours(IMPORTS[f"{NAME}.{module}"])}
    assert rooms & {"engine", "probe"} == set()


def test_checks_and_what_they_reach_do_no_io():
    """They reach the records of facts, the settings' types and units, and text: no more."""
    wrong = [
        f"{module} imports {wanted}"
        for module in sorted(reached_from(of_room("checks")))
        for wanted in sorted(IMPORTS[module])
        if _does_io(module, wanted)
    ]
    assert wrong == []


def _does_io(module, wanted):
    if room_of(module) == "checks" and wanted == "pathlib":
        return True
    return top_of(wanted) in DOES_IO and (module, wanted) not in LEXICAL


def test_checks_take_from_elsewhere_the_standard_library_msgspec_and_packaging_alone():
    tops = {top_of(wanted) for module in of_room("checks") for wanted in IMPORTS[module]}
    assert tops - sys.stdlib_module_names <= {NAME, "msgspec", "packaging"}


@pytest.mark.parametrize("module", of_room("checks"))
def test_checks_ask_no_file_by_name_or_by_a_path_that_they_were_given(module):
    nodes = list(ast.walk(tree_of(module)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    methods = {node.func.attr for node in nodes if _is_method_call(node)}
    assert names & IO_NAMES == set()
    assert methods & set(IO_METHODS) == set()


def _is_method_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


PROGRAMS = [module for module in of_room("probe") if module != f"{NAME}.probe"]
SIBLINGS = {f"tfdocker_{module.rpartition('.')[2]}" for module in PROGRAMS}
"""As the bootstrap names them inside the image."""
ASKED_FOR = {
    f"{NAME}.probe.ask_gpu": {"jax", "tensorflow", "torch"},
    f"{NAME}.probe.ask_threads": {"jax", "numpy", "onnxruntime", "tensorflow", "torch"},
}
"""The frameworks that a program is there to ask."""


@pytest.mark.parametrize("module", PROGRAMS)
def test_programs_for_the_image_import_the_standard_library_and_each_other_alone(module):
    tops = {top_of(wanted) for wanted in IMPORTS[module]}
    assert tops - sys.stdlib_module_names - SIBLINGS == ASKED_FOR.get(module, set())


@pytest.mark.parametrize("module", PROGRAMS)
def test_programs_for_the_image_are_in_the_syntax_of_its_oldest_python(module):
    assert OLDEST_PYTHON == (3, 7)
    ast.parse(SOURCES[module].read_text("utf-8"), feature_version=OLDEST_PYTHON)


BY_TREE = [f"{NAME}.probe.{name}" for name in ("distributions", "environments", "resolve", "shell")]
LEXICAL_METHODS = {"basename", "dirname", "join", "normpath", "split", "splitext"}


@pytest.mark.parametrize("module", BY_TREE)
def test_programs_that_read_a_listing_too_look_at_files_by_one_module_alone(module):
    nodes = list(ast.walk(tree_of(module)))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    of_paths = {node.attr for node in nodes if _is_of_posixpath(node)}
    assert {top_of(wanted) for wanted in IMPORTS[module]} & set(DOES_IO) <= {"io"}
    assert "open" not in {call.id for call in calls if isinstance(call, ast.Name)}
    assert of_paths <= LEXICAL_METHODS


def _is_of_posixpath(node):
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return False
    return node.value.id == "posixpath"


def modules_after(code, *arguments, cwd):
    """The names in sys.modules of a new interpreter that has run the code."""
    tail = "\nimport json, sys\nprint('modules', json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("modules ")]
    return set(json.loads(told[-1].partition(" ")[2]))


def heavy(modules):
    return {top_of(module) for module in modules}.intersection(HEAVY)


def test_the_plugin_loads_nothing_heavy(tmp_path):
    loaded = modules_after(f"import {NAME}.plugin", cwd=tmp_path)
    assert heavy(loaded) == set()
    assert sorted(ours(loaded)) == LOADED


def test_a_start_of_pytest_that_does_not_use_the_plugin_loads_four_modules_more(tmp_path):
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    start = "import pytest, sys\nassert pytest.main(sys.argv[1:]) == 0"
    alone = ("-p", "no:cacheprovider", "-q", "test_own.py")
    without = modules_after(start, "-p", "no:tfdocker", *alone, cwd=tmp_path)
    loaded = modules_after(start, *alone, cwd=tmp_path)
    assert ours(without) == set()
    assert sorted(loaded - without) == LOADED
