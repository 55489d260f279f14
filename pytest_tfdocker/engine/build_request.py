"""What is asked of a builder."""

from pathlib import Path

import msgspec


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to build, and what is handed to the builder."""

    dockerfile: Path
    context: Path
    tag: str
    run_tag: str | None = None
    """By which the run holds the image until its end, whoever builds under the other one."""
    target: str | None = None
    args: dict[str, str] = {}
    platform: str | None = None
    secrets: list[str] = []
    ssh: list[str] = []
    builder: str | None = None
    cache_from: list[str] = []
    cache_to: list[str] = []
    contexts: dict[str, str] = {}
    options: list[str] = []
    lines: list[int] = []
    """Of the Dockerfile's instructions, in their order: the classic builder tells no line."""
    needs_buildkit: str | None = None
    """Why the classic builder can't: "Dockerfile:7 RUN --mount"."""

    @property
    def tags(self) -> list[str]:
        """All that the image is given; the last one is the run's own, if it has one."""
        return [self.tag] if self.run_tag is None else [self.tag, self.run_tag]

    @property
    def buildkit_reason(self) -> str | None:
        """Why this needs BuildKit, from the Dockerfile or from the settings."""
        for name in ("secrets", "ssh", "builder", "cache_to", "contexts", "options"):
            if getattr(self, name):
                return f"the setting build.{name.replace('_', '-')}"
        return self.needs_buildkit
