"""An import, tried in a process of its own: what it gives back of warnings and errors."""

import json
import os
import subprocess

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"


@pytest.fixture
def try_import(end_python, tmp_path):
    def run(code, name="subject"):
        (tmp_path / f"{name}.py").write_text(code)
        done = subprocess.run(
            [end_python, "-c", probe.source("try_import"), COOKIE, name],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.split(COOKIE)[1].split(COOKIE[::-1])[0])

    return run


def test_a_module_that_imports_tells_its_version(try_import):
    told = try_import("__version__ = '1.2'")
    assert (told["ok"], told["version"], told["warnings"]) == (True, "1.2", [])


def test_an_error_behind_many_warnings_is_heard(try_import):
    code = "import warnings\n"
    code += "for n in range(300): warnings.warn(f'old {n}', DeprecationWarning)\n"
    code += "warnings.warn('Failed to initialize NumPy: _ARRAY_API not found')\n"
    told = try_import(code)["warnings"]
    assert told[0] == "UserWarning: Failed to initialize NumPy: _ARRAY_API not found"
    assert len(told) == 80


def test_the_same_warning_travels_once_and_a_long_one_is_cut(try_import):
    code = "import logging\nfor _ in range(100): logging.getLogger('a').warning('x' * 999)\n"
    assert try_import(code)["warnings"] == ["a: " + "x" * 297]


def test_the_last_of_very_many_is_kept(try_import):
    code = "import logging\nfor n in range(500): logging.getLogger('a').warning('%d', n)\n"
    told = try_import(code)["warnings"]
    assert (told[0], told[-1]) == ("a: 0", "a: 499")


PLACEHOLDER = """
class DummyObject(type):
    def __call__(cls):
        {}
class DiffusionPipeline(metaclass=DummyObject): pass
AutoModel = BertModel = AutoTokenizer = DiffusionPipeline
"""
MISSING = "DiffusionPipeline requires the PyTorch library but it was not found"


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (f"raise ImportError({MISSING!r})", f"ImportError: {MISSING}"),
        ("pass", "ImportError: diffusers.DiffusionPipeline is a placeholder"),
    ],
)
def test_diffusers_that_gives_out_a_placeholder_does_not_import(try_import, says, error):
    told = try_import(PLACEHOLDER.format(says), "diffusers")
    assert (told["ok"], told["error"]) == (False, error)


def test_diffusers_with_its_pipelines_imports(try_import):
    assert try_import("class DiffusionPipeline: pass", "diffusers")["ok"] is True


def test_transformers_can_do_without_torch_but_not_with_a_broken_one(try_import, tmp_path):
    code = PLACEHOLDER.format(f"raise ImportError({MISSING!r})")
    assert try_import(code, "transformers")["ok"] is True
    (tmp_path / "torch.py").write_text("")
    assert try_import(code, "transformers")["error"] == f"ImportError: {MISSING}"
