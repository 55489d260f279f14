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


MANIFEST = "app.yaml"
OF_MANIFEST = 'kubernetes = "app.yaml"\n'


def deployment(container=(), pod=()):
    """A Deployment; the first line of its container is line 9, the pod's stand behind them."""
    head = [
        "apiVersion: apps/v1",
        "kind: Deployment",
        "metadata: {name: web}",
        "spec:",
        "  template:",
        "    spec:",
        "      containers:",
        "        - name: app",
    ]
    lines = [*head, *(f"          {one}" for one in container), *(f"      {one}" for one in pod)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def container(load):
    """The image's settings that the fields of a container, and of its pod, give."""

    def run(*lines, pod=(), toml=OF_MANIFEST, **options):
        (image,) = load({MANIFEST: deployment(lines, pod), OWN: toml}, **options).images
        return image

    return run


@pytest.fixture
def refused_by_kubernetes(problems):
    """The mistakes in the fields of a container, and of its pod."""

    def run(*lines, pod=(), toml=OF_MANIFEST, **options):
        return problems({MANIFEST: deployment(lines, pod), OWN: toml}, **options)

    return run
