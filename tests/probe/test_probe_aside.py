"""Two processes share the walk: all is seen once, also where one of them ends too early."""

import pytest

from pytest_tfdocker import probe

WALK = """
    import os
    import tfdocker_aside as aside, tfdocker_files as files

    if plan["processors"]:
        os.sched_getaffinity = lambda _: range(plan["processors"])
    parent, visited = os.getpid(), []
    real = files.Walk.folder
    def folder(self, path, folders):
        if os.getpid() != parent and plan["dies_after"] is not None:
            visited.append(path)
            if len(visited) > plan["dies_after"]:
                os._exit(9)
        real(self, path, folders)
    files.Walk.folder = folder
    walk = files.Walk()
    result = walk.run(plan["root"])
    del result["seconds"]
    return [result, walk.listing, walk.folders, walk.site_packages]
"""
ASIDE = """
    import os
    import tfdocker_aside as aside

    def work():
        if os.getpid() != parent:
            if plan["how"] == "dies":
                os._exit(9)
            if plan["how"] == "fails":
                raise ValueError
        return ["x" * 300000, os.getpid() == parent]
    parent = os.getpid()
    if plan["how"] == "alone":
        os.sched_getaffinity = lambda _: range(1)
    if plan["how"] == "refused":
        def fork():
            raise OSError
        os.fork = fork
    before = sorted(os.listdir("/proc/self/fd"))
    text, is_here = aside.Aside(work).result()
    return [len(text), is_here, before == sorted(os.listdir("/proc/self/fd"))]
"""


@pytest.fixture
def walked(ask, end_python, tmp_path):
    for number in range(60):
        folder = tmp_path / f"a{number % 7}/b{number}/site-packages"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * number)
        (folder / "hard").hardlink_to(folder / "file")
        (tmp_path / f"hard{number}").hardlink_to(folder / "file")

    def walk(processors=2, dies_after=None):
        data = {"root": str(tmp_path), "processors": processors, "dies_after": dies_after}
        return ask(end_python, probe.WALK, WALK, data=data)

    return walk


def test_two_see_what_one_sees(walked):
    by_two = walked()
    assert by_two == walked(processors=1)
    assert by_two[0]["apparent_bytes"] == sum(range(60))
    assert (by_two[0]["count"], len(by_two[2])) == (180, 127)


@pytest.mark.parametrize("dies_after", [0, 1, 5])
def test_the_end_of_one_loses_nothing(walked, dies_after):
    assert walked(dies_after=dies_after) == walked(processors=1)


@pytest.mark.parametrize(
    ("how", "is_here"),
    [("works", False), ("dies", True), ("fails", True), ("alone", True), ("refused", True)],
)
def test_work_that_is_not_done_beside_is_done_here(ask, end_python, how, is_here):
    told = ask(end_python, ["aside"], ASIDE, data={"how": how})
    assert told == [300_000, is_here, True]
