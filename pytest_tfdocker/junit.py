"""The class name of a check in JUnit's file; pytest's own would be the Dockerfile's path."""

from typing import Any

import pytest


def name_junit_class(config: pytest.Config, report: pytest.TestReport, image: str | None) -> None:
    """Sets "tfdocker.IMAGE", under --junit-prefix; call it before pytest's own plugin is called."""
    writer = _writer(config)
    if writer is not None and image is not None:
        parts = [writer.prefix, "tfdocker", image]
        writer.node_reporter(report).add_attribute("classname", ".".join(filter(None, parts)))


def _writer(config: pytest.Config) -> Any:
    """The plugin that writes the file; None without --junitxml."""
    plugins = config.pluginmanager.get_plugins()
    return next((one for one in plugins if hasattr(one, "node_reporter")), None)
