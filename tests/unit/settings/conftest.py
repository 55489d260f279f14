"""A folder of files, and what its settings come to."""

import pytest

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings

COMPOSE = "compose.yaml"
OWN = "tfdocker.toml"
ASKED = 'compose = "compose.yaml"\n'


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Writes the files, name → text, and loads; `start` is the folder to start from."""
    monkeypatch.chdir(tmp_path)

    def run(files=None, *, environ=None, start=".", **options):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(tmp_path / start, options=Options(**options), environ=environ or {})

    return run


@pytest.fixture
def problems(load):
    """The mistakes that loading tells, as lines."""

    def run(*arguments, **options):
        with pytest.raises(SettingsError) as caught:
            load(*arguments, **options)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return caught.value.problems

    return run


@pytest.fixture
def service(load):
    """The image's settings that the keys of a service give."""

    def run(*lines, toml=ASKED, **options):
        text = "services:\n  app:\n    build: .\n" + "".join(f"    {line}\n" for line in lines)
        (image,) = load({COMPOSE: text, OWN: toml}, **options).images
        return image

    return run


@pytest.fixture
def refused(problems):
    """The mistakes in the keys of a service; the first of its lines is line 4."""

    def run(*lines, toml=ASKED, **options):
        text = "services:\n  app:\n    build: .\n" + "".join(f"    {line}\n" for line in lines)
        return problems({COMPOSE: text, OWN: toml}, **options)

    return run
