"""What the probe reports of Python in an image, without a start: from a listing of its files."""

import json
from collections.abc import Mapping
from typing import Any

from pytest_tfdocker.evidence.records import ImageConfig
from pytest_tfdocker.evidence.unstarted.layout import NotToldError, find_layout, find_soabi
from pytest_tfdocker.evidence.unstarted.markers import full_version, machine_of, markers
from pytest_tfdocker.evidence.unstarted.paths import build_path
from pytest_tfdocker.evidence.unstarted.programs import Programs
from pytest_tfdocker.evidence.unstarted.tree import ImageTree
from pytest_tfdocker.text import printable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Engines set it where the image sets none."""
SITES = ("site-packages", "dist-packages")


def environ_of(config: ImageConfig) -> dict[str, str]:
    """The environment that an engine gives the image's processes, but for HOME."""
    pairs = (entry.partition("=") for entry in config.env)
    return {"PATH": PATH, **{name: value for name, _, value in pairs}}


def read_unstarted(
    tree: ImageTree, config: ImageConfig, platform: str, python: str | None = None
) -> dict[str, Any]:
    """The keys of the probe's report that are not of the walk; and `problems`, a sentence each.

    `tree`: with `environ_of(config)` and the image's WORKDIR. `platform`: "linux/amd64".
    `python`: overrides the choice of the interpreter, by path or by name on the image's PATH.
    """
    programs = Programs(tree)
    interpreter = _find_interpreter(programs, tree, config, platform, python)
    path = interpreter.get("path", [])
    told = programs.distributions.everything(path, tree.folders_named(*SITES))
    clean = programs.distributions.clean
    if "path" in interpreter:
        interpreter["path"] = list(map(clean, path))
    told["rpm"] = programs.rpm_data.databases()
    told["owned"] = ["json", json.dumps(told["owned"])]
    unread = [f"{printable(path)} is not read: it was not kept" for path in sorted(tree.unread)]
    return {"interpreter": interpreter, **told, "problems": unread}


def _find_interpreter(
    programs: Programs,
    tree: ImageTree,
    config: ImageConfig,
    platform: str,
    python: str | None,
) -> dict[str, Any]:
    tree.environ.setdefault("HOME", programs.environments.home_of("0") or "/")
    programs.environments.take_home(config.user)
    environ = dict(tree.environ)  # to follow a shell's text, `resolve` changes the tree's
    plan = {"python": python, "entrypoint": config.entrypoint, "command": config.command}
    executable, reason = programs.resolve.chosen(plan)
    if executable is None:
        return {"error": f"no Python: {reason}"}
    try:
        return _described(tree, executable, reason, platform, environ)
    except NotToldError as error:
        return {"error": str(error)}


def _described(
    tree: ImageTree, executable: str, reason: str, platform: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    layout = find_layout(tree, executable, environ)
    version = full_version(tree, layout, executable, environ)
    if version is None:
        version = f"{layout.version.rstrip('t')}.0"
        reason += f"; taken for {version}: nothing tells more than {layout.version}"
    machine = machine_of(platform)
    return {
        "executable": executable,
        "reason": reason,
        "version": version,
        "platform": f"linux {machine}",
        "soabi": find_soabi(tree, layout),
        "libc": None,
        "bits": None,
        "prefix": layout.venv or layout.prefix,
        "path": build_path(tree, layout, environ),
        "environment": markers(layout, version, machine),
    }
