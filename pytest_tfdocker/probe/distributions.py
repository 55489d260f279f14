# Installed distributions, read from their dist-info and egg-info folders: no pip, no importlib.metadata.
import csv
import functools
import io
import posixpath
import re

import tfdocker_tree as tree

METADATA_NAMES = ("METADATA", "PKG-INFO")
INSTALLED_INTO = ("site-packages", "dist-packages")
OF_PACKAGES = ("Package", "Status", "Essential", "Protected", "Priority")
RELATIONS = ("Depends", "Pre-Depends", "Recommends", "Provides")
ZIPPED_BYTES = 1 << 24  # more of a file of metadata than anyone writes; what is packed may bloat


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def read_text(path):
    try:
        with tree.opened(path) as file:
            return file.read().decode("utf-8", "surrogateescape")
    except NotADirectoryError:
        return read_zipped(path)
    except OSError:
        return None


def read_zipped(path):
    """A file of an egg that `setup.py install` left as one archive."""
    import zipfile  # few images need it, and it takes as long as a thousand files

    archive, _, member = path.rpartition(".egg/")
    try:
        with tree.opened(archive + ".egg") as file, zipfile.ZipFile(file) as opened:
            with opened.open(member) as packed:
                return packed.read(ZIPPED_BYTES).decode("utf-8", "surrogateescape")
    except Exception:  # zipfile and zlib raise what they like of a broken one
        return None


def read_metadata(path):
    """The text of METADATA or PKG-INFO, and the folder or file that stands for the distribution."""
    if tree.is_file(path):
        return read_text(path)
    for name in METADATA_NAMES:
        text = read_text(posixpath.join(path, name))
        if text is not None:
            return text
    return None


def clean(text):
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def everything(path, folders):
    """What the report has of distributions: those on sys.path; those in other folders that hold
    site-packages, in short; and what owns which file."""
    installed = of_path(path)
    mark_os_owned(installed)
    known = {distribution["location"] for distribution in installed}
    others = sorted(folder for folder in folders if folder not in known and holds_some(folder))
    elsewhere = of_path(others)
    mark_os_owned(elsewhere)
    owned = {
        "distributions": [recorded(one) for one in installed + elsewhere],
        "dpkg": dpkg_lists(),
        "dpkg_status": dpkg_status(),
        "apt_states": read_text("/var/lib/apt/extended_states"),
        "apk": read_text("/lib/apk/db/installed"),
        "apk_world": read_text("/etc/apk/world"),
    }
    keys = ("name", "version", "installer", "path")
    elsewhere = [{key: one[key] for key in keys} for one in elsewhere]
    for distribution in installed + elsewhere:
        for key in ("path", "location", "shadowed_by", "direct_url"):
            if distribution.get(key) is not None:
                distribution[key] = clean(distribution[key])
    return {
        "distributions": installed,
        "elsewhere": elsewhere,
        "others": [clean(folder) for folder in others],
        "owned": owned,
    }


def holds_some(folder):
    return any(name.endswith((".dist-info", ".egg-info")) for name in tree.names(folder))


def of_path(path):
    """Every distribution on sys.path, in its order; the first of a name shadows the others."""
    found, seen = [], set()
    for entry in path:
        real = tree.real(entry)
        if real not in seen:
            seen.add(real)
            found += [read_one(real, name) for name in metadata_in(real)]
    return told_apart(found)


def metadata_in(entry):
    """The names of what stands for a distribution in an entry of sys.path."""
    if entry.endswith(".egg"):
        return ["EGG-INFO"] if read_metadata(posixpath.join(entry, "EGG-INFO")) else []
    return [
        name
        for name in tree.names(entry)
        if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~")
    ]


def told_apart(found):
    """The same with `shadowed_by`, less what a source tree says of what stands elsewhere too."""
    first = {}
    for one in sorted(found, key=in_source_tree):
        first.setdefault(one["name"], one["path"])
    kept = [one for one in found if first[one["name"]] == one["path"] or not in_source_tree(one)]
    for one in kept:
        owner = first[one["name"]]
        one["shadowed_by"] = owner if owner != one["path"] else None
    return kept


def in_source_tree(distribution):
    """Whether it is what setuptools leaves beside the sources, by which nothing is installed."""
    location, folder = posixpath.split(distribution["path"])
    stem, kind = posixpath.splitext(folder)
    return (
        kind == ".egg-info"
        and "-" not in stem  # an installed one has its version in the name
        and posixpath.basename(location) not in INSTALLED_INTO
        and tree.is_folder(distribution["path"])
    )


def read_one(location, folder):
    path = posixpath.join(location, folder)
    text = read_metadata(path)
    told_by = posixpath.basename(location) if folder == "EGG-INFO" else folder
    guessed, _, version = told_by.rpartition(".")[0].partition("-")
    result = {
        "name": canonical(clean(guessed)),
        "version": clean(version.partition("-py")[0]),
        "path": path,
        "location": location,
        "problem": None,
    }
    if text is None:
        there = [name for name in METADATA_NAMES if tree.exists(posixpath.join(path, name))]
        lacks = "has a %s that can't be read" % there[0] if there else "has no METADATA"
        result["problem"] = clean("%s %s" % (path, lacks))
    else:
        read_headers(text, result)
    result["direct_url"] = read_text(posixpath.join(path, "direct_url.json"))
    installer = read_text(posixpath.join(path, "INSTALLER"))
    result["installer"] = clean(installer.strip()) if installer else None
    result["editable"] = is_editable(result) or in_source_tree(result)
    return result


def read_headers(text, result):
    import email.parser  # not before the walk, which need not wait for it

    head = email.parser.HeaderParser().parsestr(text)
    if not head.get("Name") or not head.get("Version"):
        missing = "Version" if head.get("Name") else "Name"
        result["problem"] = clean("%s names no %s" % (result["path"], missing))
        return
    result["name"] = canonical(clean(str(head["Name"])).strip())
    result["version"] = clean(str(head["Version"])).strip()
    result["requires"] = [
        clean(" ".join(str(r).split())) for r in head.get_all("Requires-Dist", [])
    ]
    result["extras"] = [clean(str(e)) for e in head.get_all("Provides-Extra", [])]
    python = head.get("Requires-Python")
    result["requires_python"] = clean(str(python)).strip() if python else None
    if not result["requires"]:
        requires = read_text(posixpath.join(result["path"], "requires.txt"))
        if requires:
            result["requires"], result["extras"] = read_requires_txt(requires)


def read_requires_txt(text):
    """setuptools' requires.txt: sections [extra], [extra:marker], [:marker]."""
    requires, extras, section = [], [], ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = clean(line[1:-1])
            extra = section.partition(":")[0]
            if extra and extra not in extras:
                extras.append(extra)
        elif line:
            extra, _, marker = section.partition(":")
            parts = ["(%s)" % marker] if marker else []
            parts += ['extra == "%s"' % extra] if extra else []
            requires.append(clean(line + (" ; " + " and ".join(parts) if parts else "")))
    return requires, extras


def is_editable(distribution):
    if re.search(r'"editable"\s*:\s*true', distribution["direct_url"] or ""):
        return True
    stem = posixpath.splitext(distribution["path"])[0]
    pth = "__editable__.%s.pth" % posixpath.basename(stem)  # setuptools: foo-1.0
    return tree.exists(posixpath.join(distribution["location"], pth))


def recorded(distribution):
    """What its RECORD (or installed-files.txt) lists, as it stands there, a path a line; the folder
    that these are relative to. None where it has neither."""
    path, location = distribution["path"], distribution["location"]
    record = read_text(posixpath.join(path, "RECORD"))
    if record is not None:
        if '"' not in record:  # ten times as fast, and true of nearly all
            lines = record.replace("\r\n", "\n").split("\n")
            return [location, "\n".join([line.partition(",")[0] for line in lines if line])]
        rows = csv.reader(io.StringIO(record, newline=""))
        return [location, "\n".join([row[0] for row in safe_rows(rows) if row])]
    listed = read_text(posixpath.join(path, "installed-files.txt"))
    return None if listed is None else [path, listed]


def safe_rows(rows):
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue


def mark_os_owned(distributions):
    """Name the OS's package manager as installer where its own data lists the metadata."""
    wanted = {d["path"]: d for d in distributions}
    for distribution in dpkg_owned(wanted):
        distribution["installer"] = "dpkg"
    for distribution in apk_owned(wanted):
        distribution["installer"] = "apk"


def dpkg_owned(wanted):
    if any(path.startswith("/usr/lib/python") for path in wanted):
        for text in dpkg_lists().values():
            for line in text.splitlines():
                if line in wanted:
                    yield wanted[line]


@functools.lru_cache(maxsize=None)
def dpkg_lists():
    """Package → what dpkg has unpacked of it, a path a line; with its architecture, where it has one
    in the name of the list. Distroless images have sums in place of the lists."""
    info, status = "/var/lib/dpkg/info", "/var/lib/dpkg/status.d"
    found = {}
    for name in tree.names(info):
        if name.endswith(".list"):
            found[clean(name[:-5])] = read_text(posixpath.join(info, name)) or ""
    for name in tree.names(status):
        if name.endswith(".md5sums"):
            sums = read_text(posixpath.join(status, name)) or ""
            lines = [line.partition("  ")[2] for line in sums.split("\n")]
            found[clean(name[:-8])] = "\n".join(["/" + line for line in lines if line])
    return found


def dpkg_status():
    """What packages ask of each other; a tenth of what dpkg knows of them."""
    wanted = tuple(["%s:" % field for field in OF_PACKAGES + RELATIONS])
    lines = (read_text("/var/lib/dpkg/status") or "").split("\n")
    return "\n".join([line for line in lines if not line or line.startswith(wanted)])


def apk_owned(wanted):
    text = read_text("/lib/apk/db/installed") or ""
    for line in text.splitlines():
        if line.startswith("F:") and "/" + line[2:] in wanted:
            yield wanted["/" + line[2:]]
