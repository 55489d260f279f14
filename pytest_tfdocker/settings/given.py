"""What the command line and the environment say: images that were built elsewhere, and files."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.schema import ARCHIVES, ONLY

_YES = {"1", "true", "yes", "on"}
_NO = {"", "0", "false", "no", "off"}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line's options, as they were typed."""

    images: list[str] = []
    """Of --tfdocker-image, "[NAME=]REF" each."""
    json_path: str | None = None
    """Of --tfdocker-json, relative to the current folder."""
    keep: bool = False
    """Of --tfdocker-keep."""
    waste: bool = False
    """Of --tfdocker-waste."""
    fit: bool = False
    """Of --tfdocker-fit."""


def read_images(
    options: Options, environ: Mapping[str, str], names: list[str], problems: list[str]
) -> dict[str, str]:
    """The references given, image name → reference; the command line's before the environment's."""
    listed = re.split(r"[,\s]+", environ.get("TFDOCKER_IMAGE", ""))
    from_environment = [text for text in listed if text]
    return {
        **_references("TFDOCKER_IMAGE", from_environment, names, problems),
        **_references("--tfdocker-image", options.images, names, problems),
    }


def read_json_path(
    options: Options, environ: Mapping[str, str], problems: list[str]
) -> Path | None:
    """The file to write the report to, absolute."""
    origin, text = "--tfdocker-json", options.json_path
    if text is None:
        origin, text = "TFDOCKER_JSON", environ.get("TFDOCKER_JSON") or None
    if text is None:
        return None
    path = Path.cwd() / text
    if not text or os.path.isdir(path):  # noqa: PTH112 (Path's raises at odd characters)
        problems.append(f"{origin}: expected a file, found {text!r}")
    return path


def read_keep(options: Options, environ: Mapping[str, str], problems: list[str]) -> bool:
    """Whether image and containers are left after the run."""
    return options.keep or _is_on("TFDOCKER_KEEP", environ, problems)


def read_waste(options: Options, environ: Mapping[str, str], problems: list[str]) -> bool:
    """Whether layers are read though no check asks for it."""
    return options.waste or _is_on("TFDOCKER_WASTE", environ, problems)


def _is_on(name: str, environ: Mapping[str, str], problems: list[str]) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in _YES | _NO:
        problems.append(f"{name}: expected 1 or 0, found {environ[name]!r}")
    return text in _YES


def _references(
    origin: str, texts: list[str], names: list[str], problems: list[str]
) -> dict[str, str]:
    references: dict[str, str] = {}
    for text in texts:
        name, reference = _split(text, names)
        wrong = list(_problems(name, reference, names))
        if name and name in references:
            wrong.append(f"two references for image {name!r}")
        problems += [f"{origin}: {problem}" for problem in wrong]
        references[name] = reference
    return references


def _split(text: str, names: list[str]) -> tuple[str, str]:
    """Name and reference; only that of a file may have a "=". "" where a name is needed."""
    name, equals, reference = text.partition("=")
    if not equals or name.startswith(ARCHIVES):
        name, reference = (names[0] if len(names) == 1 else ""), text
    return name, _absolute(reference)


def _absolute(reference: str) -> str:
    """Of a file, seen from the current folder."""
    scheme, colon, path = reference.partition(":")
    is_file = reference.startswith(ARCHIVES) and path
    return f"{scheme}{colon}{Path.cwd() / path}" if is_file else reference


def _problems(name: str, reference: str, names: list[str]) -> Iterator[str]:
    known = f"names: {', '.join(names)}" if names != [ONLY] else "the settings name no images"
    if not name:
        yield f"which image is {reference!r}? Write NAME={reference}; {known}"
    elif name not in names:
        yield f"no image is named {name!r}{suggest(name, names) or f'; {known}'}"
    if reference in ARCHIVES:
        yield f"expected a {'folder' if reference == 'oci:' else 'file'} behind {reference!r}"
    elif os.path.isfile(reference) or os.path.isdir(f"{reference}/blobs"):  # noqa: PTH112, PTH113
        scheme = "tar" if os.path.isfile(reference) else "oci"  # noqa: PTH113
        yield f"{reference!r} is a file: write {scheme}:{reference}"
    elif not reference or (re.search(r"\s", reference) and not reference.startswith(ARCHIVES)):
        yield f"expected a tag, a digest or an id, tar:FILE or oci:DIR, found {reference!r}"
