"""Command line and environment, over the settings."""

from pathlib import Path

import pytest

OWN = "tfdocker.toml"
TWO = "[images.serve]\n[images.train]\n"


def the_image(loaded):
    (image,) = loaded.images
    return image


@pytest.mark.parametrize(
    ("environ", "options", "reference"),
    [
        ({}, [], None),
        ({"TFDOCKER_IMAGE": "a:1"}, [], "a:1"),
        ({"TFDOCKER_IMAGE": ""}, [], None),
        ({}, ["b:1"], "b:1"),
        ({}, ["default=b@sha256:00"], "b@sha256:00"),
        ({"TFDOCKER_IMAGE": "a:1"}, ["b:1"], "b:1"),
    ],
)
def test_the_command_line_wins_over_the_environment(load, environ, options, reference):
    assert the_image(load(environ=environ, images=options)).given == reference


def test_several_images_are_given_by_name(load):
    environ = {"TFDOCKER_IMAGE": "serve=a:1, train=b:1"}
    loaded = load({OWN: TWO}, environ=environ, images=["train=c:1"])
    assert [image.given for image in loaded.images] == ["a:1", "c:1"]


@pytest.mark.parametrize(
    ("files", "given", "problem"),
    [
        (TWO, "a:1", "which image is 'a:1'? Write NAME=a:1; names: serve, train"),
        (TWO, "serv=a", "no image is named 'serv'; did you mean 'serve'?"),
        (TWO, "x=a", "no image is named 'x'; names: serve, train"),
        ("", "x=a", "no image is named 'x'; the settings name no images"),
        ("", "default=", "expected a tag, a digest or an id, tar:FILE or oci:DIR, found ''"),
        ("", "a b", "expected a tag, a digest or an id, tar:FILE or oci:DIR, found 'a b'"),
        ("", "tar:", "expected a file behind 'tar:'"),
        ("", "oci:", "expected a folder behind 'oci:'"),
        (TWO, "tar:f", "which image is 'tar:{cwd}/f'? Write NAME=tar:{cwd}/f; names: serve, train"),
    ],
)
def test_a_reference_that_cannot_be_meant_is_refused(problems, files, given, problem):
    told = problem.replace("{cwd}", str(Path.cwd()))
    assert problems({OWN: files}, images=[given]) == [f"--tfdocker-image: {told}"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("tar:a=b c.tar", "tar:{cwd}/a=b c.tar"),
        ("default=tar:x.tar:app:ci", "tar:{cwd}/x.tar:app:ci"),
        ("oci:/abs/dir", "oci:/abs/dir"),
    ],
)
def test_a_file_is_seen_from_the_current_folder(load, given, meant):
    (image,) = load({OWN: ""}, images=[given]).images
    assert image.given == meant.replace("{cwd}", str(Path.cwd()))
    assert image.is_file


def test_one_image_is_given_once(problems):
    assert problems({OWN: TWO}, environ={"TFDOCKER_IMAGE": "serve=a,serve=b x"}) == [
        "TFDOCKER_IMAGE: two references for image 'serve'",
        "TFDOCKER_IMAGE: which image is 'x'? Write NAME=x; names: serve, train",
    ]


def test_the_json_file_is_relative_to_the_current_folder(load, tmp_path):
    environ = {"TFDOCKER_JSON": "a.json"}
    files = {f"sub/{OWN}": ""}
    assert load(files, start="sub", environ=environ).json_path == tmp_path / "a.json"
    assert load(files, environ=environ, json_path="b.json").json_path == tmp_path / "b.json"
    assert load(environ={"TFDOCKER_JSON": ""}).json_path is None


def test_a_folder_is_no_json_file(problems):
    assert problems(json_path=".") == ["--tfdocker-json: expected a file, found '.'"]
    assert problems(json_path="") == ["--tfdocker-json: expected a file, found ''"]


@pytest.mark.parametrize(
    ("text", "keep"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)]
)
def test_keep_is_asked_by_variable_or_option(load, text, keep):
    assert load(environ={"TFDOCKER_KEEP": text}).keep is keep
    assert load(environ={"TFDOCKER_KEEP": text}, keep=True).keep


@pytest.mark.parametrize(("path", "scheme"), [("app.tar", "tar"), ("layout", "oci")])
def test_a_file_without_its_scheme_is_told_the_scheme(problems, tmp_path, path, scheme):
    (tmp_path / "app.tar").write_bytes(b"")
    (tmp_path / "layout" / "blobs").mkdir(parents=True)
    given = str(tmp_path / path)
    assert problems({OWN: ""}, images=[given]) == [
        f"--tfdocker-image: {given!r} is a file: write {scheme}:{given}"
    ]
