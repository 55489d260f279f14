"""What README and docs show works: links, settings, Python, options, the CI job, names."""

import ast
import re
import textwrap
from pathlib import Path

import pytest
import yaml

import pytest_tfdocker
from pytest_tfdocker import fixtures, plugin
from pytest_tfdocker.checks.registry import CHECKS
from pytest_tfdocker.settings.load import Options, load_settings
from pytest_tfdocker.settings.schema import Run

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.is_file(), reason="no docs beside these tests")


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(language):
    """Every fenced block of that language, named by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match[1], id=f"{name_of(page)}:{line}"))
    return found


def without_blocks(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """The ids that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{name_of(page)}: {target}"
        assert not anchor or anchor in anchors(found), f"{name_of(page)}: no heading #{anchor}"


@pytest.mark.parametrize("text", blocks("toml"))
def test_every_toml_block_is_valid_settings(text, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "compose.yaml").write_text("services: {app: {build: .}}\n")
    (tmp_path / "deploy").mkdir()
    pod = "kind: Pod\nspec: {containers: [{name: app}]}\n"
    (tmp_path / "deploy/app.yaml").write_text(pod)
    (tmp_path / "docker").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("docker/Dockerfile", "tests/smoke.py", "requirements.txt", "uv.lock"):
        (tmp_path / name).touch()
    assert "tool.tfdocker" in text
    assert load_settings(tmp_path, options=Options(), environ={}).images


@pytest.mark.parametrize("text", blocks("python"))
def test_every_python_block_compiles_and_names_what_is_there(text):
    tree = ast.parse(text)
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pytest_tfdocker"
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported <= set(pytest_tfdocker.__all__)
    assert {name for name in used if name.startswith("assert_")} <= imported
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert {name for name in arguments if name.startswith("tfdocker_")} <= set(plugin.__all__)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_yaml_block_parses(text):
    assert yaml.safe_load(text)


def test_the_ci_job_checks_out_loads_the_image_and_judges_it():
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    job = yaml.safe_load(textwrap.dedent(block))["jobs"]["image"]
    build = next(s for s in job["steps"] if "build-push-action" in s.get("uses", ""))
    assert build["with"]["load"] is True
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert any(f"--tfdocker-image {build['with']['tags']}" in command for command in commands)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_that_is_named_exists(page):
    known = {"--tfdocker", *("--" + name.replace("_", "-") for name in plugin.OPTIONS)}
    named = set(re.findall(r"--tfdocker[\w-]*", page.read_text()))
    assert named <= known


def test_readme_names_every_check_fixture_and_assertion_function():
    text = README.read_text()
    missing = {check.name for check in CHECKS if f"`{check.name}" not in text}
    missing |= {name for name in pytest_tfdocker.__all__ if f"`{name}`" not in text}
    missing |= {name for name in plugin.__all__ if f"`{name}`" not in text}
    assert not missing


def test_fixtures_page_names_every_assertion_function():
    text = (ROOT / "docs/fixtures.md").read_text()
    assert not {name for name in pytest_tfdocker.__all__ if f"`{name}(" not in text}
    assert all(f"`{name}`" in text for name in plugin.__all__)


def test_fixtures_page_names_every_key_of_a_run():
    text = (ROOT / "docs/fixtures.md").read_text()
    section = text.partition("\n## `tfdocker_run`\n")[2].partition("\n## ")[0]
    further = re.search(r"^\| further ones \| (.*) \|$", section, re.MULTILINE)[1]
    named = set(re.findall(r"`(\w+)`", further.partition("): ")[2]))
    of_their_own = {"memory", "cpus", "entrypoint", "command"}
    assert named == set(Run.__struct_fields__) - of_their_own


def test_the_skip_text_is_the_one_that_readme_quotes():
    assert f'"{fixtures.NOT_ASKED}"' in README.read_text()
