"""The bytes of an image: layers, files, owners, bloat, what is hidden, what is sent."""

from typing import Literal

from pytest_tfdocker.evidence.records.common import Record


class Layer(Record, frozen=True, kw_only=True):
    """One entry of the image's history, oldest first."""

    instruction: str
    bytes: int
    """File bytes; where `ImageEvidence.counts_blocks`, allocated blocks."""
    empty: bool
    base: bool | None = None
    """Whether it came with the final FROM; None: can't be told."""
    line: int | None = None
    """Of the Dockerfile, counted from 1."""


class Owner(Record, frozen=True, kw_only=True):
    """Bytes of one owner that came with one layer; of "nobody" those below one folder."""

    kind: str
    """"distribution", "os-package", "weights", "project" (below WORKDIR), "nobody"."""
    name: str
    """Of what is nobody's the folder: "/wheels/", "/usr/local/"; of a file at the top its path."""
    version: str = ""
    layer: int | None = None
    """An index into `ImageEvidence.layers`. None: it can't be told."""
    bytes: int


class Bloat(Record, frozen=True, kw_only=True):
    """A cause of the catalogue that was found in the image."""

    cause: str
    bytes: int
    """What its fix saves."""
    paths: list[str]
    """The ten largest: files of 1 MB and more, and folders, with "/" at the end."""
    path_bytes: list[int]
    count: int
    """Of files, all of them."""
    by_layer: list[tuple[int | None, int]]
    """Bytes that came with a layer, largest first; it is an index into `ImageEvidence.layers`, None
    where it can't be told."""


class Uncompared(Record, frozen=True, kw_only=True):
    """Large files that were not compared with others of their size, for one reason."""

    reason: str
    """"time" or "unreadable"."""
    count: int
    bytes: int
    """What a link in place of each could save at most."""


class Files(Record, tag="files", frozen=True, kw_only=True):
    """The merged file system, as a walk from inside sees it. Hard links are counted once."""

    count: int
    apparent_bytes: int
    """Sum of st_size of all that is no folder."""
    block_bytes: int | None
    """Sum of st_blocks × 512, folders included; None of files in an archive."""
    unreadable: int
    """Folders that could not be listed."""
    seconds: float
    links_bytes: int = 0
    """Of `apparent_bytes`: of symbolic links, which engines count in some layers and not in all."""
    uncounted_bytes: int = 0
    """Of these: of links in layers whose size in the history is that of their regular files."""
    layer_bytes: list[int] = []
    """File bytes of each entry of the history, where that counts disk blocks and they are known."""
    folder_bytes: int = 0
    """Else, in disk blocks: of folders that several layers have, beyond the one that is left."""
    owners: list[Owner] = []
    """Largest first. Their bytes add up to `apparent_bytes`."""
    bloat: list[Bloat] = []
    """Largest first."""
    notes: list[str] = []
    """What could not be read, or is odd, a sentence each."""
    unread_packages: str | None = None
    """Which database of the OS's packages can't be read, and why: what it owns is nobody's."""
    unlisted_bytes: int = 0
    """Nobody's, in folders of the OS, of an image in which nothing lists the packages' files."""
    uncompared: list[Uncompared] = []
    """Why large files of the same size may have the same content, and nobody knows."""
    weights: list[str] = []
    """Paths of files of weights of 1 MiB and more, the largest first; at most 1000."""


class WastedFile(Record, frozen=True, kw_only=True):
    """A file whose bytes stand in a layer, and no longer in the image."""

    path: str
    bytes: int
    layer: int
    """An index into `ImageEvidence.layers`, as is `by`."""
    by: int
    """The layer that hides it."""
    how: str
    """"deleted", "overwritten", "rewritten" (by the same content, as chown and chmod do) or
    "moved"."""
    now: str = ""
    """Of what was moved: where it stands."""


class WastedGroup(Record, frozen=True, kw_only=True):
    """All files of one layer that another hides in one way; as in WastedFile."""

    layer: int
    by: int
    how: str
    bytes: int
    count: int
    below: str
    """The folder that has them all, with "/" at the end; of a single file its path."""


class Waste(Record, tag="waste", frozen=True, kw_only=True):
    """Which files a later layer hides, from the layers themselves."""

    bytes: int
    """Of regular files; the sums of the history may count symbolic links, too."""
    count: int
    groups: list[WastedGroup]
    """Largest first, of all files."""
    files: list[WastedFile]
    """The largest of them."""
    by_number: bool = False
    """Whether their layers are told by number, and by no index into `ImageEvidence.layers`: the
    history tells not of each."""


class Download(Record, tag="download", frozen=True, kw_only=True):
    """What a registry sends to who has none of the layers."""

    bytes: int
    source: Literal["manifest", "store", "archive", "estimate"]
    """Of the registry, the containerd image store, the file that the image was given as, or
    measured by a sample of the files."""
    layers: list[int] = []
    """Of each layer, the base's first; [] where only the sum is known."""
    reference: str = ""
    """Of the manifest."""
    error_bytes: int = 0
    """How far off an estimate may be, either way."""
    sampled_bytes: int = 0
    """Of an estimate: how much was compressed, …"""
    archive_bytes: int = 0
    """… of how much: the files with their headers, as an archive has them."""
    note: str = ""
    """What stood in the way of a better source."""
