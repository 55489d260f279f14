"""What is declared, installed and stored, by checks that look at real images."""

import hashlib
import io
import json
import tarfile
import zipfile

import pytest

pytestmark = pytest.mark.engine

SITE = "/usr/local/lib/python3.11/dist-packages"
OTHER_SITE = "/usr/lib/python3/dist-packages"
WITHOUT_IMPORTS = ("-k", "not import")


def dist_files(name, version, requires=(), module_bytes=100):
    """Path in site-packages → content, as pip leaves a distribution there."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{name.replace('-', '_')}.py": "#" * (module_bytes - 1) + "\n",
        f"{info}/METADATA": metadata,
        f"{info}/INSTALLER": "pip\n",
    }
    record = "".join(f"{path},,{len(text)}\n" for path, text in files.items())
    return {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}


@pytest.fixture
def with_installed(user_project, small_image):
    """Writes a Dockerfile whose image has these distributions, and nothing else."""

    def make(*distributions, settings="", more=()):
        for files in distributions:
            for path, text in files.items():
                user_project.write(f"site/{path}", text)
        lines = [f"FROM {small_image}", f"COPY site {SITE}/", *more, ""]
        user_project.write("Dockerfile", "\n".join(lines))
        user_project.write("pyproject.toml", settings)

    return make


@pytest.fixture
def engine_size(user_project, docker_client):
    """The engine's own figure for the image that was built, where it is that of the files."""

    def ask():
        if docker_client.info()["Driver"] != "overlay2":
            pytest.skip("this engine's store counts in blocks")
        return docker_client.api.inspect_image(user_project.tag)["Size"]

    return ask


def kinds(said):
    return {(one["kind"], one["name"]) for one in said.image["dependencies"]["problems"]}


def test_what_is_as_declared_passes(user_project, with_installed):
    with_installed(dist_files("left", "1.0", requires=["right>=2"]), dist_files("right", "2.1"))
    user_project.write("requirements.txt", "left==1.0\nright==2.1\n")
    said = user_project.judge(*WITHOUT_IMPORTS)
    assert said.exit_code == 0
    assert said.headlines["pinned"] == "2 of 2 are pinned"
    assert said.headlines["parity"] == "2 of 2 as declared"
    assert said.headlines["conflicts"] == "2 distributions, no conflict"
    assert kinds(said) == set()


def test_missing_other_and_undeclared_versions_are_told_with_their_lines(
    user_project, with_installed
):
    with_installed(
        dist_files("tqdm", "4.70.1"), dist_files("torch", "2.9.0+cu128"), dist_files("extra", "1.0")
    )
    user_project.write("requirements.txt", "requests==2.31.0\ntqdm==4.66.0\ntorch==2.9.0+cu130\n")
    said = user_project.judge(*WITHOUT_IMPORTS)
    assert (said.exit_code, said.broken) == (1, {"parity"})
    assert said.texts["parity"] == (
        "3 of 3 differ, 1 undeclared: requests, tqdm, torch, extra 1…\n"
        "  wanted requests 2.31.0   requirements.txt:1\n"
        "  found  nothing of that name\n"
        "  wanted tqdm 4.66.0   requirements.txt:2\n"
        f"  found  tqdm 4.70.1 in {SITE}\n"
        "  wanted torch 2.9.0+cu130   requirements.txt:3\n"
        f"  found  torch 2.9.0+cu128 in {SITE}\n"
        f"  found  extra 1.0 in {SITE}, declared nowhere\n"
        "  mend: install requests, or delete requirements.txt:1; likewise the other 2\n"
        "  mend: declare extra==1.0, remove it, or name it in dependencies.allow-extra"
    )
    assert kinds(said) == {
        ("missing", "requests"),
        ("version", "tqdm"),
        ("local-version", "torch"),
        ("unexpected", "extra"),
    }


def test_what_the_base_brought_is_not_undeclared(user_project, with_installed, docker_client):
    with_installed(dist_files("based", "1.0"))
    assert user_project.judge("-k", "build").exit_code == 0
    base = f"{user_project.tag}-base"
    docker_client.images.get(user_project.tag).tag(base)
    try:
        for path, text in dist_files("added", "1.0").items():
            user_project.write(f"more/{path}", text)
        user_project.write("Dockerfile", f"FROM {base}\nCOPY more {SITE}/\n")
        user_project.write("requirements.txt", "other==1.0\n")
        said = user_project.judge(*WITHOUT_IMPORTS)
        assert ("unexpected", "added") in kinds(said)
        assert ("unexpected", "based") not in kinds(said)
    finally:
        docker_client.images.remove(base)


def test_a_conflict_and_a_second_copy_name_both_places(user_project, with_installed):
    with_installed(
        dist_files("transformers", "5.23.0", requires=["torch>=2.6", "absent ; extra == 'dev'"]),
        dist_files("torch", "1.11.0+cu113"),
        dist_files("numpy", "2.4.6"),
        more=[f"COPY second {OTHER_SITE}/"],
    )
    for path, text in dist_files("numpy", "1.26.4").items():
        user_project.write(f"second/{path}", text)
    said = user_project.judge(*WITHOUT_IMPORTS)
    assert (said.exit_code, said.broken) == (1, {"conflicts"})
    assert said.texts["conflicts"] == (
        "1 conflict, 1 second copy: transformers wants torch>=2.6, h…\n"
        "  wanted torch>=2.6   by transformers 5.23.0\n"
        f"  found  torch 1.11.0+cu113 in {SITE}\n"
        f"  twice  numpy 2.4.6 in {SITE}, which is imported\n"
        f"         numpy 1.26.4 in {OTHER_SITE}\n"
        "  mend: pip install 'torch>=2.6', or another version of transformers\n"
        f"  mend: install numpy once; {OTHER_SITE} holds the one in the way"
    )
    assert kinds(said) == {("conflict", "transformers"), ("duplicate", "numpy")}


def test_loose_lines_are_told_with_what_the_image_has(user_project, with_installed):
    with_installed(dist_files("left", "1.0"), dist_files("right", "2.1"))
    user_project.write("requirements.txt", "left\nright>=2 ; python_version >= '3.8'\n")
    said = user_project.judge(*WITHOUT_IMPORTS)
    assert said.broken == {"pinned"}
    assert said.texts["pinned"] == (
        "2 of 2 are not pinned: left, right\n"
        "  requirements.txt:1 left → left==1.0\n"
        '  requirements.txt:2 right>=2 ; python_version >= "3.8" → '
        'right==2.1 ; python_version >= "3.8"\n'
        "  declared in: requirements.txt (beside the Dockerfile)"
    )


def test_a_wheel_that_the_build_unpacks_is_seen_with_its_bytes(user_project, small_image):
    files = dist_files("heavy", "1.0", module_bytes=2_000_000)
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    user_project.write("heavy-1.0-py3-none-any.whl", wheel.getvalue())
    user_project.write(
        "Dockerfile",
        f"FROM {small_image}\nCOPY *.whl /tmp/\n"
        f"RUN python -m zipfile -e /tmp/heavy-1.0-py3-none-any.whl {SITE}\n",
    )
    installed = sum(len(text) for text in files.values())
    for budget, outcome in ((installed, "passed"), (installed - 1, "failed")):
        user_project.write(
            "pyproject.toml", f'[tool.tfdocker.size]\npackages = {{ heavy = "{budget} B" }}\n'
        )
        said = user_project.judge("-k", "size")
        assert said.outcomes == {"package-size[heavy]": outcome}
        assert said.measured == {"package-size[heavy]": installed}


DUMP_BYTES = 5_000_000
HIDDEN_BYTES = 4096
"""What the engine lays over the image's /dev and some files of /etc counts as waste: under this."""


@pytest.mark.parametrize("then", ["rm /opt/dump", ": >/opt/dump"], ids=["deleted", "overwritten"])
def test_total_and_waste_are_exact_to_the_byte(user_project, with_installed, engine_size, then):
    def judge(dump_bytes, budget):
        dump = f"RUN mkdir -p /opt && head -c {dump_bytes} /dev/zero >/opt/dump"
        limits = f'[tool.tfdocker.size]\ntotal = "1 GB"\nlayer = "1 GB"\nwasted = "{budget} B"\n'
        with_installed(dist_files("left", "1.0"), settings=limits, more=[dump, f"RUN {then}"])
        said = user_project.judge("-k", "size")
        assert said.measured["size[total]"] == engine_size()
        assert said.measured["size[layer]"] == dump_bytes
        assert {"size[total]", "size[layer]"} & said.broken == set()
        return said

    wasted = judge(DUMP_BYTES, 10 * DUMP_BYTES).measured["size[wasted]"]
    assert DUMP_BYTES <= wasted < DUMP_BYTES + HIDDEN_BYTES
    at_budget = judge(DUMP_BYTES, wasted)
    assert at_budget.outcomes["size[wasted]"] == "passed"
    over = judge(DUMP_BYTES + 1, wasted)
    assert over.outcomes["size[wasted]"] == "failed"
    assert over.measured["size[wasted]"] == wasted + 1
    assert over.headlines["size[wasted]"] == f"{wasted + 1:,} B, 1 B over {wasted:,} B"


def test_an_image_without_waste_has_none(user_project, with_installed, engine_size):
    budgets = '[tool.tfdocker.size]\ntotal = "1 GB"\nwasted = "0 B"\n'
    with_installed(dist_files("left", "1.0"), settings=budgets)
    said = user_project.judge("-k", "size")
    assert said.exit_code == 0
    assert said.measured == {"size[total]": engine_size(), "size[wasted]": 0}


def test_links_which_builders_count_or_not_are_no_waste(
    user_project, with_installed, engine_size, each_builder
):
    links = 'for n in $(seq 500); do ln -s "/usr/share/a/long/path/to/a/file/$n" "/links/$n"; done'
    more = [f"RUN mkdir /links && {links}", "RUN head -c 5000 /dev/zero >/last"]
    budgets = '[tool.tfdocker.size]\ntotal = "1 GB"\nwasted = "0 B"\n'
    with_installed(dist_files("left", "1.0"), settings=budgets, more=more)
    said = user_project.judge("-k", "size or build")
    assert said.image["build"]["builder"] == each_builder
    assert said.measured["size[total]"] == engine_size()
    assert said.outcomes["size[wasted]"] == "passed"
    assert said.measured["size[wasted]"] == 0


def test_nothing_installed_is_nothing_to_judge(user_project, with_installed):
    with_installed()
    user_project.write("site/.keep", "")
    said = user_project.judge()
    assert said.exit_code == 0
    assert said.headlines["conflicts"] == "no distribution is installed"
    assert said.headlines["import[undeclared]"] == "no ML framework is installed"
    assert said.skipped == {"pinned", "parity", "conflicts", "import[undeclared]", "gpu-visible"}


def test_what_stands_in_a_volume_of_the_image_is_not_wasted(
    user_project, with_installed, engine_size
):
    """The engine mounts a copy of it there, which is the image's own content."""
    budgets = '[tool.tfdocker.size]\ntotal = "1 GB"\nwasted = "0 B"\n'
    fill = "RUN mkdir /models && head -c 5000000 /dev/zero >/models/w.bin"
    with_installed(dist_files("left", "1.0"), settings=budgets, more=[fill, "VOLUME /models"])
    said = user_project.judge("-k", "size")
    assert said.measured == {"size[total]": engine_size(), "size[wasted]": 0}


@pytest.fixture
def loaded(docker_client, small_image):
    """Loads an image of two layers whose history has one entry, as kaniko's and jib's may."""
    tag = "tfdocker-test/short-history:latest"

    def layer(files):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return buffer.getvalue()

    saved = io.BytesIO(b"".join(docker_client.api.get_image(small_image)))
    with tarfile.open(fileobj=saved) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest["Config"]))
        layers = [tar.extractfile(name).read() for name in manifest["Layers"]]
    layers.append(layer({"opt/dump": bytes(40_000_000)}))
    config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]
    config["history"] = config["history"][:1]
    names = [f"{at}.tar" for at in range(len(layers))]
    told = [{"Config": "config.json", "RepoTags": [tag], "Layers": names}]
    archive = layer(
        {
            **dict(zip(names, layers, strict=True)),
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(told).encode(),
        }
    )
    docker_client.images.load(archive)
    yield tag
    docker_client.images.remove(tag)


def test_a_history_that_tells_not_of_every_layer_hides_no_bytes(
    user_project, loaded, docker_client
):
    if docker_client.info()["Driver"] != "overlay2":
        pytest.skip("this engine's store counts in blocks")
    budgets = '[tool.tfdocker.size]\ntotal = "1 GB"\nlayer = "1 GB"\nwasted = "0 B"\n'
    user_project.write("pyproject.toml", budgets)
    said = user_project.judge("--tfdocker-image", loaded, "-k", "size")
    assert said.outcomes == {
        "size[total]": "passed",
        "size[layer]": "error",
        "size[wasted]": "passed",  # the layers tell
    }
    assert said.measured["size[total]"] == docker_client.api.inspect_image(loaded)["Size"]
    assert said.headlines["size[layer]"] == "the image has no history of every layer"
    assert said.measured["size[wasted]"] == 0


def test_an_import_is_tried_anew_with_another_interpreter(user_project, with_installed):
    other = "RUN mkdir -p /opt/v/bin && ln -s /usr/bin/python3 /opt/v/bin/python3"
    other += " && echo 'include-system-site-packages = false' >/opt/v/pyvenv.cfg"
    settings = '[tool.tfdocker.imports]\nmodules = ["left"]\n'
    with_installed(dist_files("left", "1.0"), settings=settings, more=[other])
    assert user_project.judge("-k", "import").outcomes["import[left]"] == "passed"
    with_installed(
        dist_files("left", "1.0"),
        settings='[tool.tfdocker]\npython = "/opt/v/bin/python3"\n' + settings,
        more=[other],
    )
    said = user_project.judge("-k", "import")
    assert said.headlines["import[left]"] == "ModuleNotFoundError: No module named 'left'"
