"""The interpreter that the image's own command would end in, in a made-up image of a few files."""

import pytest
from made_up import SYSTEM, VENV, program


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["python", "app.py"], SYSTEM),
        (["python3", "-m", "app"], "usr/bin/python3"),
        (["{}/venv/bin/python", "-u", "app.py"], VENV),
        (["env", "-u", "B", "A=1", "{}/venv/bin/python"], VENV),
        (["tini", "--", "{}/venv/bin/python", "app.py"], VENV),
        (["tini", "-g", "-p", "SIGTERM", "{}/venv/bin/python"], VENV),
        (["dumb-init", "--rewrite", "15:2", "--", "{}/venv/bin/python"], VENV),
        (["gosu", "app", "{}/venv/bin/python"], VENV),
        (["su-exec", "1000:1000", "{}/venv/bin/python"], VENV),
        (["nice", "-n", "5", "nohup", "{}/venv/bin/python"], VENV),
        (["/bin/sh", "-c", "python app.py"], SYSTEM),
        (["/bin/sh", "-c", "exec {}/venv/bin/python app.py"], VENV),
        (["sh", "-c", "cd /app && {}/venv/bin/python app.py"], VENV),
        (["sh", "-c", "A=1 B=2 exec {}/venv/bin/python app.py"], VENV),
        (["bash", "-lc", "set -e; {}/venv/bin/python app.py"], VENV),
        (["bash", "-o", "pipefail", "-c", "{}/venv/bin/python app.py"], VENV),
        (["bash", "-euo", "pipefail", "-c", "{}/venv/bin/python app.py"], VENV),
        (["sh", "-c", "{}/venv/bin/python app.py > /log 2>&1"], VENV),
        (["sh", "-c", 'exec {}/venv/bin/python "$0" "$@"', "app.py"], VENV),
        (["sh", "-c", "sidecar & {}/venv/bin/python app.py"], VENV),
        (["sh", "-c", "if true; then exec {}/venv/bin/python app.py; fi"], VENV),
        (["sh", "-c", "${PYTHON} app.py"], VENV),
        (["uv", "run", "app.py"], "app/.venv/bin/python"),
        (["uv", "run", "--no-sync", "uvicorn", "app:app"], "app/.venv/bin/python"),
        (["poetry", "run", "python", "app.py"], "app/.venv/bin/python"),
        (["pipenv", "run", "app"], "app/.venv/bin/python"),
        (["pdm", "run", "app"], "app/.venv/bin/python"),
        (["conda", "run", "-n", "ml", "python", "app.py"], "conda/envs/ml/bin/python"),
        (["conda", "run", "--live-stream", "--name", "ml", "app"], "conda/envs/ml/bin/python"),
        (["conda", "run", "-p", "{}/conda/envs/ml", "app"], "conda/envs/ml/bin/python"),
        (["micromamba", "run", "-n", "base", "app"], "conda/bin/python"),
        (["conda", "run", "--name=ml", "app"], "conda/envs/ml/bin/python"),
        (["conda", "run", "-nml", "app"], "conda/envs/ml/bin/python"),
        (["conda", "run", "--prefix={}/conda/envs/ml", "app"], "conda/envs/ml/bin/python"),
        (["mamba", "run", "-p{}/conda/envs/ml", "app"], "conda/envs/ml/bin/python"),
        (["conda", "run", "--cwd", "/app", "-n", "ml", "app"], "conda/envs/ml/bin/python"),
        (["micromamba", "-n", "ml", "run", "app"], "conda/envs/ml/bin/python"),
        (["conda", "run", "gunicorn", "-n", "x", "-p", "/pid"], "conda/bin/python"),
        (["tini", "--", "gosu", "app", "sh", "-c", "exec env A=1 conda run -n ml app"],
         "conda/envs/ml/bin/python"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_launchers_are_followed(resolve, command, found):
    env = {"CONDA_DIR": "{}/conda", "PYTHON": "{}/venv/bin/python"}
    path, reason = resolve(command=command, env=env)
    told = " ".join(command).replace("{}", "")
    assert path == found
    assert reason == f"CMD {told}" or reason.endswith("...")


def test_entrypoint_and_command_are_one(resolve):
    path, reason = resolve(["tini", "--"], ["{}/venv/bin/python", "app.py"])
    assert (path, reason) == (VENV, "ENTRYPOINT tini -- /venv/bin/python app.py")


@pytest.mark.parametrize(
    ("name", "script", "arguments", "found"),
    [
        ("console", "#!{}/venv/bin/python\nimport app", [], VENV),
        ("unbuffered", "#!{}/venv/bin/python -u\nimport app", [], VENV),
        ("long", "#!/bin/sh\n'''exec' {}/venv/bin/python \"$0\" \"$@\"\n' '''\n", [], VENV),
        ("by-env", "#!/usr/bin/env python3\nimport app", [], "usr/bin/python3"),
        ("by-env-s", "#!/usr/bin/env -S uv run --script\n", [], "app/.venv/bin/python"),
        ("entry", '#!/bin/sh\nset -e\nexec "$@"\n', ["{}/venv/bin/python", "app.py"], VENV),
        ("entry-bash", "#!/usr/bin/env bash\nexec {}/venv/bin/python app.py\n", [], VENV),
        ("entry-gosu", '#!/bin/bash\nexec gosu app "$@"\n', ["{}/venv/bin/python"], VENV),
        (
            "commented",
            "#!/bin/sh\n# it's the entry\nset -e  # don't go on\nexec \"$@\"  # the command\n",
            ["{}/venv/bin/python"],
            VENV,
        ),
        (
            "counts",
            '#!/bin/sh\nif [ $# -eq 0 ]; then\n  set -- serve\nfi\nexec "$@"\n',
            ["{}/venv/bin/python"],
            VENV,
        ),
        (
            "branches",
            '#!/bin/sh\nif [ "$1" = x ]; then\n  migrate\nelse\n  exec "$@"\nfi\n',
            ["{}/venv/bin/python"],
            VENV,
        ),
        (
            "continued",
            "#!/bin/sh\nexec {}/venv/bin/python \\\n  -m app \\\n  --port 80\n",
            [],
            VENV,
        ),
        ("nested", '#!/bin/sh\nexec {}/entry-2 "$@"\n', ["x"], VENV),
    ],
)
def test_scripts_are_read(resolve, image, name, script, arguments, found):
    program(image / "usr/bin" / name, script.replace("{}", str(image)))
    program(image / "entry-2", f"#!{image}/venv/bin/python\n")
    assert resolve([name], arguments)[0] == found


def test_an_entry_script_that_is_not_executable_is_read_after_its_shell(resolve, image):
    (image / "entry.sh").write_text('exec "$@"\n')
    (image / "start.sh").write_text('#!/bin/sh\nexec "$@"\n')
    assert resolve(["sh", "{}/start.sh"], ["{}/venv/bin/python"])[0] == VENV


@pytest.mark.parametrize(
    ("env", "runner", "found"),
    [
        ({"UV_PROJECT_ENVIRONMENT": "{}/chosen"}, "uv", "chosen/bin/python"),
        ({"POETRY_VIRTUALENVS_PATH": "{}/pypoetry"}, "poetry", "pypoetry/app-x-py3.11/bin/python"),
        ({"WORKON_HOME": "{}/virtualenvs"}, "pipenv", "virtualenvs/app-y/bin/python"),
        ({}, "poetry", SYSTEM),
    ],
)
def test_runners_find_environments_elsewhere(resolve, env, runner, found):
    assert resolve(command=[runner, "run", "app"], env=env, cwd="usr")[0] == found


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ([], "the image has no ENTRYPOINT or CMD"),
        (["serve"], "serve is not in the image"),
        (["{}/usr/bin/native"], "/usr/bin/native is no script"),
        (["bash"], "bash starts an interactive shell"),
        (["sh", "-c"], "sh -c has no command"),
        (["sh", "-c", "echo 'open"], "a quote is left open in its shell command"),
        (["sh", "-c", "  "], "its shell command is empty"),
        (["tini", "--"], "the command is empty"),
        (["hatch", "run", "app"], "hatch is not followed"),
        (["uv", "pip", "list"], "uv pip is not followed"),
        (["conda", "run", "-n", "x"], "the environment of `conda run` is not in the image"),
        (["{}/usr/bin/loop"], "the command goes through more than 12 launchers"),
        (["{}/usr/bin/torn"], "/usr/bin/torn names no interpreter"),
        (["{}/nowhere/python"], "/nowhere/python is not in the image"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_can_not_be_followed_falls_back_to_python_and_says_why(resolve, image, command, why):
    program(image / "usr/bin/torn", "#!/bin/sh\n'''exec' '/opt/my python\n")
    program(image / "usr/bin/native", "\x7fELF")
    program(image / "usr/bin/loop", f'#!/bin/sh\nexec {image}/usr/bin/loop "$@"\n')
    path, reason = resolve(command=command)
    assert path == SYSTEM
    assert reason == f"python on PATH, since {why}"


def test_python3_is_the_last_resort(resolve, image):
    (image / "usr/bin/python").unlink()
    assert resolve(command=["serve"]) == (
        "usr/bin/python3",
        "python3 on PATH, since serve is not in the image",
    )


def test_without_any_python_there_is_the_reason_alone(resolve, image):
    for name in ("python", "python3"):
        (image / "usr/bin" / name).unlink()
    assert resolve(command=["serve"]) == (None, "serve is not in the image")


def test_a_long_command_is_cut_in_the_reason(resolve):
    _, reason = resolve(command=["python", "app.py", *["--option=value"] * 20])
    assert len(reason) == 80
    assert reason.startswith("CMD python app.py --option=value")
    assert reason.endswith("...")


def test_a_folder_or_a_plain_file_on_path_is_no_python(resolve, image):
    (image / "first/python").mkdir(parents=True)
    (image / "second").mkdir()
    (image / "second/python").write_text("")
    path = "{}/first:{}/second:{}/usr/bin"
    assert resolve(command=["python"], env={"PATH": path})[0] == SYSTEM
