"""Python of an image of which nothing is started, from hand-made listings."""

import json
import posixpath
import sys
import time
import zipfile
from io import BytesIO

import pytest

from pytest_tfdocker.evidence.records import ImageConfig
from pytest_tfdocker.evidence.unstarted import ImageTree, environ_of, read_unstarted
from pytest_tfdocker.evidence.unstarted.programs import Programs

STATUS = "Package: python3.11-minimal\nStatus: install ok installed\nVersion: 3.11.2-6+deb12u6\n\n"
DEBIAN_SITE = "# dist-packages\n"
DEBIAN = {
    "/usr/bin/python3": "-> python3.11",
    "/usr/bin/python3.11": "\x7fELF",
    "/usr/lib/python3.11/os.py": None,
    "/usr/lib/python3.11/site.py": DEBIAN_SITE,
    "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so": None,
    "/usr/lib/python3/dist-packages/pip-23.0.dist-info/METADATA": "Name: pip\nVersion: 23.0\n",
    "/usr/local/lib/python3.11/dist-packages/foo.py": None,
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/python3-pip.list": "/usr/lib/python3/dist-packages/pip-23.0.dist-info\n",
}
SLIM = {
    "/usr/local/bin/python": "-> python3",
    "/usr/local/bin/python3": "-> python3.12",
    "/usr/local/bin/python3.12": "\x7fELF",
    "/usr/local/lib/python3.12/os.py": None,
    "/usr/local/lib/python3.12/site.py": "# as it is",
    "/usr/local/lib/python3.12/lib-dynload/x.so": None,
    "/usr/local/lib/python3.12/site-packages/README.txt": None,
}
SITE = "/usr/local/lib/python3.12/site-packages"
VENV = {
    "/opt/venv/pyvenv.cfg": "home = /usr/local/bin\ninclude-system-site-packages = false\n",
    "/opt/venv/bin/python": "-> /usr/local/bin/python3",
    "/opt/venv/lib64": "-> lib",
    "/opt/venv/lib/python3.12/site-packages/foo-1.0.dist-info/METADATA": "Name: foo\nVersion: 1\n",
}
STANDARD = [
    "/usr/local/lib/python312.zip",
    "/usr/local/lib/python3.12",
    "/usr/local/lib/python3.12/lib-dynload",
]


def tree_of(files, config=None, folders=()):
    """`files`: text by path, "-> TARGET" for a symbolic link, None for what was not kept."""
    config = config or ImageConfig()
    contents = {
        path: text if isinstance(text, bytes) else text.encode()
        for path, text in files.items()
        if text is not None and not is_link(text)
    }
    return ImageTree(
        [path for path, text in files.items() if not is_link(text)],
        targets={path: text[3:] for path, text in files.items() if is_link(text)},
        folders=folders,
        programs={path for path in files if "/bin/" in path},
        contents=contents,
        environ=environ_of(config),
        cwd=config.workdir,
    )


def is_link(text):
    return isinstance(text, str) and text.startswith("-> ")


def told(*layers, platform="linux/amd64", python=None, folders=(), **config):
    """The report of an image of these files."""
    files = {path: text for layer in layers for path, text in layer.items()}
    settings = ImageConfig(**config)
    return read_unstarted(tree_of(files, settings, folders), settings, platform, python)


def found(report):
    """Name, version, and the folder of each distribution."""
    return [(d["name"], d["version"], d["location"]) for d in report["distributions"]]


def test_debians_own_python():
    report = told(DEBIAN, command=["python3", "app.py"])
    interpreter = report["interpreter"]
    assert interpreter["environment"].pop("platform_release") == ""
    assert interpreter == {
        "executable": "/usr/bin/python3",
        "reason": "CMD python3 app.py",
        "version": "3.11.2",
        "platform": "linux x86_64",
        "soabi": "cpython-311-x86_64-linux-gnu",
        "libc": None,
        "bits": None,
        "prefix": "/usr",
        "path": [
            "/usr/lib/python311.zip",
            "/usr/lib/python3.11",
            "/usr/lib/python3.11/lib-dynload",
            "/usr/local/lib/python3.11/dist-packages",
            "/usr/lib/python3/dist-packages",
        ],
        "environment": {
            "implementation_name": "cpython",
            "implementation_version": "3.11.2",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": "3.11.2",
            "python_version": "3.11",
            "sys_platform": "linux",
        },
    }
    [pip] = report["distributions"]
    assert (pip["name"], pip["installer"]) == ("pip", "dpkg")
    kind, owned = report["owned"]
    assert (kind, list(json.loads(owned)["dpkg"])) == ("json", ["python3-pip"])


def test_of_packages_it_is_told_what_they_ask_of_each_other_and_nothing_more():
    package = "Package: gcc\nStatus: install ok installed\nPriority: optional\nDepends: cpp\n"
    files = {
        **DEBIAN,
        "/var/lib/dpkg/status": STATUS + package + "Description: a compiler\n That compiles.\n",
        "/var/lib/apt/extended_states": "Package: cpp\nAuto-Installed: 1\n",
        "/etc/apk/world": "gcc\n",
    }
    owned = json.loads(told(files)["owned"][1])
    python, gcc = owned["dpkg_status"].rstrip("\n").split("\n\n")
    assert python == "Package: python3.11-minimal\nStatus: install ok installed"
    assert gcc == "Package: gcc\nStatus: install ok installed\nPriority: optional\nDepends: cpp"
    assert owned["apt_states"] == "Package: cpp\nAuto-Installed: 1\n"
    assert owned["apk_world"] == "gcc\n"


def test_of_distroless_images_sums_list_what_packages_have():
    sums = "5461b4c9623a1657baf85fbc0c8576b6  usr/bin/python3.11\n1d75  usr/share/doc/a  b\n\n"
    report = told({**DEBIAN, "/var/lib/dpkg/status.d/python3.11-minimal.md5sums": sums})
    assert report["interpreter"]["version"] == "3.11.2"
    dpkg = json.loads(report["owned"][1])["dpkg"]
    assert dpkg["python3.11-minimal"] == "/usr/bin/python3.11\n/usr/share/doc/a  b"


def test_the_layout_of_the_official_images():
    report = told(SLIM, env=["PYTHON_VERSION=3.12.4"], entrypoint=["python"])
    assert report["interpreter"]["executable"] == "/usr/local/bin/python"
    assert report["interpreter"]["version"] == "3.12.4"
    assert report["interpreter"]["path"] == [*STANDARD, SITE]


def test_an_environment_is_closed_to_the_system():
    report = told(SLIM, VENV, env=["PATH=/opt/venv/bin:/usr/local/bin"], command=["python"])
    site = "/opt/venv/lib/python3.12/site-packages"
    assert report["interpreter"]["path"] == [*STANDARD, site]
    assert report["interpreter"]["prefix"] == "/opt/venv"
    assert found(report) == [("foo", "1", site)]
    assert (report["elsewhere"], report["others"]) == ([], [])


def test_an_environment_open_to_the_system_has_the_users_site_between():
    config = "home = /usr/local/bin\ninclude-system-site-packages = TRUE\n"
    user = "/home/app/.local/lib/python3.12/site-packages"
    files = {
        "/opt/venv/pyvenv.cfg": config,
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
        f"{user}/foo-2.0.dist-info/METADATA": "Name: foo\nVersion: 2\n",
    }
    report = told(SLIM, VENV, files, command=["/opt/venv/bin/python"], user="1000:1000")
    site = "/opt/venv/lib/python3.12/site-packages"
    assert report["interpreter"]["path"] == [*STANDARD, site, user, SITE]
    assert found(report) == [("foo", "1", site), ("foo", "2", user)]
    assert report["distributions"][1]["shadowed_by"] == f"{site}/foo-1.0.dist-info"


def test_without_its_user_there_is_no_user_site():
    files = {"/home/app/.local/lib/python3.12/site-packages/foo.py": None}
    passwd = {"/etc/passwd": "app:x:1000:1000::/home/app:/bin/sh\n"}
    path = told(SLIM, files, passwd, command=["python"])["interpreter"]["path"]
    assert path == [*STANDARD, SITE]


def test_condas_python_has_its_version_in_conda_meta():
    prefix = "/opt/conda"
    files = {
        f"{prefix}/bin/python": "-> python3.11",
        f"{prefix}/bin/python3.11": "\x7fELF",
        f"{prefix}/lib/python3.11/os.py": None,
        f"{prefix}/lib/python3.11/site-packages/x.py": None,
        f"{prefix}/conda-meta/python_abi-3.11-cp311.json": None,
        f"{prefix}/conda-meta/python-3.11.9-h955ad1f_0.json": None,
    }
    report = told(files, command=["serve"])["interpreter"]
    assert (report["version"], report["prefix"]) == ("3.11.9", prefix)
    assert report["reason"] == "conda's base, since serve is not in the image"
    assert report["path"][-1] == f"{prefix}/lib/python3.11/site-packages"


def test_of_two_pythons_in_one_prefix_the_links_name_one():
    newer = {"/usr/local/lib/python3.13/os.py": None, "/usr/local/bin/python3.13": "x"}
    report = told(SLIM, VENV, newer, command=["/opt/venv/bin/python"])["interpreter"]
    assert report["environment"]["python_version"] == "3.12"
    copied = {
        "/opt/venv/bin/python": "x",
        "/opt/venv/pyvenv.cfg": "home = /usr/local/bin\nversion = 3.12.1",
    }
    report = told(SLIM, VENV, newer, copied, command=["/opt/venv/bin/python"])["interpreter"]
    assert (report["version"], report["path"][1]) == ("3.12.1", "/usr/local/lib/python3.12")


def test_fedoras_python_has_two_libraries():
    files = {
        "/usr/bin/python3": "-> python3.13",
        "/usr/bin/python3.13": "\0003.13.1\0",
        "/usr/lib64/python3.13/os.py": None,
        "/usr/lib64/python3.13/site.py": "'RPM_BUILD_ROOT'",
        "/usr/lib64/python3.13/lib-dynload/x.so": None,
        "/usr/lib64/python3.13/site-packages/x.so": None,
        "/usr/lib/python3.13/site-packages/x.py": None,
        "/usr/local/lib/python3.13/site-packages/x.py": None,
    }
    interpreter = told(files, command=["python3"])["interpreter"]
    assert interpreter["version"] == "3.13.1"
    assert interpreter["path"] == [
        "/usr/lib64/python313.zip",
        "/usr/lib64/python3.13",
        "/usr/lib64/python3.13/lib-dynload",
        "/usr/local/lib/python3.13/site-packages",
        "/usr/lib64/python3.13/site-packages",
        "/usr/lib/python3.13/site-packages",
    ]


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"/usr/local/bin/python3.12": "\0003.11.1\0003.12.8rc1\0"}, "3.12.8rc1"),
        ({"/usr/local/lib/libpython3.12.so.1.0": "\0003.12.8\0"}, "3.12.8"),
        (
            {"/usr/local/include/python3.12/patchlevel.h": '#define PY_VERSION  "3.12.5+"\n'},
            "3.12.5",
        ),
        (
            {"/opt/venv/pyvenv.cfg": "home = /usr/local/bin\nversion_info = 3.12.3.final.0"},
            "3.12.3",
        ),
        ({"/opt/venv/pyvenv.cfg": "home = /usr/local/bin\nversion = 3.12.2"}, "3.12.2"),
        ({"/opt/venv/pyvenv.cfg": "home = /usr/local/bin\nversion = 3.10.2"}, None),
        ({}, None),
    ],
)
def test_the_full_version_is_what_something_tells(files, version):
    report = told(SLIM, VENV, files, command=["/opt/venv/bin/python"])["interpreter"]
    assert report["version"] == (version or "3.12.0")
    unsure = "; taken for 3.12.0: nothing tells more than 3.12"
    assert report["reason"] == "CMD /opt/venv/bin/python" + ("" if version else unsure)


@pytest.mark.parametrize(
    ("version", "full"), [("3.13.0~rc2-1", "3.13.0rc2"), ("1:3.13.1-2", "3.13.1")]
)
def test_debians_version_is_read_as_pythons(version, full):
    files = {path.replace("3.11", "3.13"): text for path, text in DEBIAN.items()}
    files["/usr/bin/python3"] = "-> python3.13"
    files["/var/lib/dpkg/status"] = STATUS.replace("3.11", "3.13").replace(
        "3.13.2-6+deb12u6", version
    )
    assert told(files, command=["python3"])["interpreter"]["version"] == full


@pytest.mark.parametrize(
    ("platform", "machine"),
    [
        ("linux/amd64", "x86_64"),
        ("linux/arm64/v8", "aarch64"),
        ("linux/arm/v7", "armv7l"),
        ("linux/s390x", "s390x"),
    ],
)
def test_the_machine_is_named_as_python_names_it(platform, machine):
    told_of = told(SLIM, command=["python"], platform=platform)["interpreter"]
    assert told_of["environment"]["platform_machine"] == machine
    assert told_of["platform"] == f"linux {machine}"


def test_pth_files_name_folders_and_their_code_is_not_run(tmp_path):
    left = tmp_path / "left"
    files = {
        f"{SITE}/b.pth": f"/src\n/nowhere\nimport os; open({str(left)!r}, 'w')\n../own\n",
        f"{SITE}/a.pth": "/first\n",
        f"{SITE}/.hidden.pth": "/hidden\n",
        "/src/proj.egg-info/PKG-INFO": "Name: proj\nVersion: 1\n",
        "/usr/local/lib/python3.12/own/x.py": None,
        "/hidden/x.py": None,
        "/first/x.py": None,
    }
    report = told(SLIM, files, command=["python"])
    own = "/usr/local/lib/python3.12/own"
    assert report["interpreter"]["path"] == [*STANDARD, SITE, "/first", "/src", own]
    [proj] = report["distributions"]
    assert (proj["name"], proj["editable"]) == ("proj", True)
    assert not left.exists()


def test_pythonpath_comes_first_and_may_be_relative():
    config = {"env": ["PYTHONPATH=lib:/app"], "workdir": "/srv"}
    path = told(SLIM, command=["python"], **config)["interpreter"]["path"]
    assert path == ["/srv/lib", "/app", *STANDARD, SITE]


@pytest.mark.parametrize(
    ("files", "command", "error"),
    [
        ({}, ["serve"], "no Python: serve is not in the image"),
        (
            {"/usr/bin/python": "x"},
            ["python"],
            "/usr/bin/python has no standard library in the image",
        ),
        (
            {"/usr/bin/python": "#!/bin/bash\n"},
            ["python"],
            "/usr/bin/python is a script: only a run tells which Python it starts",
        ),
        (
            {"/usr/bin/python": "-> pypy3.10", "/usr/bin/pypy3.10": "x"},
            ["python"],
            "/usr/bin/python is a PyPy, which only a run tells more of",
        ),
        ({"/usr/bin/python": "-> python"}, ["python"], "no Python: python is not in the image"),
    ],
)  # fmt: skip
def test_what_can_not_be_told_is_an_error_with_the_reason(files, command, error):
    foo = {"/opt/site-packages/foo-1.0.dist-info/METADATA": "Name: foo\nVersion: 1\n"}
    report = told(files, foo, command=command)
    assert report["interpreter"] == {"error": error}
    (elsewhere,) = report["elsewhere"]
    path = "/opt/site-packages/foo-1.0.dist-info"
    assert elsewhere == {"name": "foo", "version": "1", "installer": None, "path": path}
    assert report["others"] == ["/opt/site-packages"]


def test_the_settings_name_an_interpreter():
    report = told(SLIM, VENV, python="/opt/venv/bin/python")["interpreter"]
    assert report["executable"] == "/opt/venv/bin/python"
    assert report["reason"].startswith("python = /opt/venv/bin/python of the settings; taken")


def test_an_entry_script_is_read_and_what_it_sets_is_no_other_images():
    entry = {"/entry/bin/go": '#!/bin/sh\n. /opt/venv/bin/activate\nexec "$@"\n'}
    activate = {"/opt/venv/bin/activate": ""}
    config = {"entrypoint": ["/entry/bin/go"], "command": ["python"]}
    own = {"/usr/local/bin/python3.12": "\0003.12.4\0"}
    report = told(SLIM, VENV, own, entry, activate, **config)["interpreter"]
    assert report["executable"] == "/opt/venv/bin/python"
    assert report["reason"] == "ENTRYPOINT /entry/bin/go python, /opt/venv activated"
    assert told(SLIM, command=["python"])["interpreter"]["executable"] == "/usr/local/bin/python"


def test_what_an_entry_script_exports_is_not_taken_for_the_images_own():
    """As the probe inside has it: it follows the script's PATH, and asks as the image is set."""
    entry = {"/bin/go": '#!/bin/sh\nexport PYTHONPATH=/app\nexec "$@"\n'}
    report = told(SLIM, entry, entrypoint=["go"], command=["python"])["interpreter"]
    assert report["path"] == [*STANDARD, SITE]


def test_the_programs_are_this_images_alone_and_can_open_no_file_of_the_hosts():
    first, second = Programs(tree_of({})), Programs(tree_of({}))
    first.environments.VISITED.append("/app")
    assert second.environments.VISITED == []
    assert first.resolve.shell is first.shell
    assert not [name for name in sys.modules if name.startswith("tfdocker_")]
    for module in (first.environments, first.shell, first.resolve, first.distributions):
        assert "open" not in module.__builtins__


def test_a_word_of_a_shell_is_expanded_so_far():
    """A script of 64 KiB could else fill the memory of the machine that reads it."""
    programs = Programs(tree_of({}, ImageConfig(env=["A=1", f"LONG={'x' * 20_000}"])))
    assert programs.shell.expand("$A" * 256 + "$A") == "1" * 256 + "$A"
    assert programs.shell.expand("$LONG") == "$LONG"


def test_eggs_are_read_from_a_folder_and_from_an_archive():
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("EGG-INFO/PKG-INFO", "Name: packed\nVersion: 2\n")
    files = {
        f"{SITE}/eggs.pth": "./packed-2.egg\n./open-1.egg\n",
        f"{SITE}/packed-2.egg": archive.getvalue(),
        f"{SITE}/open-1.egg/EGG-INFO/PKG-INFO": "Name: open\nVersion: 1\n",
    }
    names = [name for name, _, _ in found(told(SLIM, files, command=["python"]))]
    assert names == ["packed", "open"]


def test_broken_metadata_and_what_was_not_kept_are_problems():
    files = {
        f"{SITE}/a-1.dist-info/METADATA": "no",
        f"{SITE}/b-1.dist-info/METADATA": None,
        f"{SITE}/c-1.dist-info/INSTALLER": "pip",
        f"{SITE}/d\udcff-1.dist-info/METADATA": "Name: d\nVersion: 1\n",
    }
    report = told(SLIM, files, command=["python"])
    problems = [(one["name"], one["problem"]) for one in report["distributions"]]
    assert problems == [
        ("a", f"{SITE}/a-1.dist-info names no Name"),
        ("b", f"{SITE}/b-1.dist-info has a METADATA that can't be read"),
        ("c", f"{SITE}/c-1.dist-info has no METADATA"),
        ("d", None),
    ]
    assert report["problems"] == [f"{SITE}/b-1.dist-info/METADATA is not read: it was not kept"]
    for one in report["distributions"]:
        one["path"].encode()


def test_links_are_followed_from_the_images_root():
    tree = tree_of(
        {
            "/data/real/a": "text",
            "/link": "-> /data/real",
            "/data/up": "-> ../link/../real",
            "/data/real/b": "-> a",
            "/loop": "-> /loop/x",
            "/one": "-> two",
            "/two": "-> one",
            "/out": "-> ../../../../etc/passwd",
        }
    )
    assert [tree.real(path) for path in ("/link/a", "/data/up/b", "/link/../x", "/out")] == [
        "/data/real/a",
        "/data/real/a",
        "/data/x",
        "/etc/passwd",
    ]
    assert tree.opened("/data/up/b").read() == b"text"
    assert tree.names("/link") == ["a", "b"]
    assert [tree.is_folder("/link"), tree.is_file("/link")] == [True, False]
    for path in ("/loop", "/loop/x", "/one", "/one/x", "/out"):
        assert [tree.exists(path), tree.is_file(path), tree.is_folder(path)] == [False] * 3
        with pytest.raises(OSError):
            tree.opened(path)
    assert tree.real("/one") == "/one"


def test_a_file_is_no_folder():
    tree = tree_of({"/a": "text", "/b": None}, folders=["/empty/inner"])
    assert (tree.names("/"), tree.names("/a"), tree.names("/empty")) == (
        ["a", "b", "empty"],
        [],
        ["inner"],
    )
    for path in ("/a/b", "/a/../b"):
        assert not tree.exists(path)
    with pytest.raises(NotADirectoryError):
        tree.opened("/a/b")
    with pytest.raises(IsADirectoryError):
        tree.opened("/empty")
    with pytest.raises(FileNotFoundError):
        tree.opened("/c")
    with pytest.raises(OSError, match="it was not kept"):
        tree.opened("/b")
    assert tree.unread == {"/b"}


def test_relative_paths_start_at_the_workdir_and_home_is_the_environments():
    tree = tree_of({"/srv/app/x": "1"}, ImageConfig(workdir="/srv", env=["HOME=/home/me"]))
    assert tree.opened("app/x").read() == b"1"
    assert (tree.here(), tree.expanded("~/a"), tree.expanded("~b")) == ("/srv", "/home/me/a", "~b")


@pytest.mark.parametrize("depth", [3000])
def test_a_deep_tree_and_a_long_chain_of_links_end(depth):
    deep = "/d" * depth
    files = {f"{deep}/a": "text", "/l0": f"-> {deep}"}
    files |= {f"/l{n}": f"-> l{n - 1}" for n in range(1, 100)}
    tree = tree_of(files)
    assert [tree.exists("/l39/a"), tree.exists("/l40/a")] == [True, False]
    assert posixpath.basename(tree.real("/l39/a")) == "a"


def test_many_files_take_a_moment():
    files = {f"/data/{n % 1000}/{n}": None for n in range(300_000)}
    started = time.monotonic()
    assert found(told(SLIM, files, command=["python"])) == []
    assert time.monotonic() - started < 10


def test_a_status_of_one_line_again_and_again_is_no_long_wait():
    status = "Package: python3.11-minimal\n" * 40_000
    started = time.monotonic()
    found = read_unstarted(
        tree_of({**DEBIAN, "/var/lib/dpkg/status": status}),
        ImageConfig(),
        "linux/amd64",
    )
    assert time.monotonic() - started < 3
    assert found["interpreter"]["version"] == "3.11.0"
