"""sys.path of an image's Python, as CPython's getpath.py and site.py would make it."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from pytest_tfdocker.evidence.unstarted.layout import Layout, read_text
from pytest_tfdocker.evidence.unstarted.tree import ImageTree


def build_path(tree: ImageTree, layout: Layout, environ: Mapping[str, str]) -> list[str]:
    """sys.path of a plain start, without the script's own folder."""
    path = _Path(tree)
    given = environ.get("PYTHONPATH")
    for folder in given.split(":") if given else ():
        path.add(posixpath.join(tree.here(), folder))
    number = layout.version.replace(".", "")
    path.add(f"{layout.prefix}/{layout.library}/python{number}.zip")
    path.add(layout.standard_library)
    path.add(f"{layout.exec_prefix}/{layout.library}/python{layout.version}/lib-dynload")
    _add_sites(path, tree, layout, environ)
    return path.entries


def _add_sites(path: "_Path", tree: ImageTree, layout: Layout, environ: Mapping[str, str]) -> None:
    """As site.main does: an environment's, the user's, the system's."""
    vendor = _vendor(tree, layout)
    prefixes = [layout.prefix, layout.exec_prefix]
    alone = False
    if layout.venv is not None:
        path.add_sites(_sites([layout.venv], layout, vendor))
        # What stands in no pyvenv.cfg is true for site.py
        told = layout.venv_settings.get("include-system-site-packages", "true")
        alone = told.lower() != "true"
        prefixes = [layout.venv] if alone else [layout.venv, *prefixes]
    if not alone and not environ.get("PYTHONNOUSERSITE"):
        home = environ.get("HOME") or "/"
        base = environ.get("PYTHONUSERBASE") or posixpath.join(home, ".local")
        path.add_sites([f"{base}/lib/python{layout.version}/site-packages"])
        if vendor == "fedora":
            prefixes.insert(0, "/usr/local")
    path.add_sites(_sites(prefixes, layout, vendor))


def _vendor(tree: ImageTree, layout: Layout) -> str | None:
    """Debian and Fedora have changed site.py; both leave words in it that the original has not."""
    text = read_text(tree, f"{layout.standard_library}/site.py")
    if text is None:
        is_debian = layout.prefix == "/usr" and tree.is_folder("/usr/lib/python3/dist-packages")
        return "debian" if is_debian else None
    if "dist-packages" in text:
        return "debian"
    return "fedora" if "RPM_BUILD_ROOT" in text else None


def _sites(prefixes: list[str], layout: Layout, vendor: str | None) -> Iterator[str]:
    """As site.getsitepackages has them."""
    own = f"python{layout.version}"
    libraries = dict.fromkeys([layout.library, "lib"])
    for prefix in dict.fromkeys(prefixes):
        if vendor == "debian":
            if layout.venv is not None:
                yield f"{prefix}/lib/{own}/site-packages"
            yield f"{prefix}/local/lib/{own}/dist-packages"
            yield f"{prefix}/lib/python3/dist-packages"
        name = "dist-packages" if vendor == "debian" else "site-packages"
        for library in libraries:
            yield f"{prefix}/{library}/{own}/{name}"


class _Path:
    """sys.path while site.py fills it."""

    def __init__(self, tree: ImageTree) -> None:
        self.entries: list[str] = []
        self._tree = tree
        self._eggs = 0

    def add(self, entry: str) -> None:
        entry = posixpath.normpath(entry)
        if entry not in self.entries:
            self.entries.append(entry)

    def add_sites(self, folders: Iterable[str]) -> None:
        """Those that are there, with what their .pth files add."""
        for folder in filter(self._tree.is_folder, folders):
            self.add(folder)
            for name in self._tree.names(folder):
                if name.endswith(".pth") and not name.startswith("."):
                    self._add_lines(folder, read_text(self._tree, f"{folder}/{name}") or "")

    def _add_lines(self, folder: str, text: str) -> None:
        """Of a .pth. Code is left alone, but that of easy-install.pth.

        It moves what it names to the front. The finders of setuptools' __editable__ add nothing.
        """
        start = len(self.entries)
        for line in text.splitlines():
            if line.startswith("import sys; sys.__plen"):
                start = len(self.entries)
            elif line.startswith("import sys; new=sys.path[sys.__plen:]"):
                new = self.entries[start:]
                del self.entries[start:]
                self.entries[self._eggs : self._eggs] = new
                self._eggs += len(new)
            elif line.strip() and not line.startswith(("#", "import ", "import\t")):
                entry = posixpath.join(folder, line.rstrip())
                if self._tree.exists(posixpath.normpath(entry)):
                    self.add(entry)
