"""The interpreter that the image's own command would end in, in a made-up image of a few files."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

QUESTION = """
    os.environ.clear()
    os.environ.update(data["env"])
    os.chdir(data["cwd"])
    return resolve.interpreter(data["entrypoint"], data["command"])
"""


@pytest.fixture
def image():
    """The root of a made-up image: interpreters in the usual places."""
    # Not tmp_path, whose length would have reasons cut
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="") as folder:
        for path in INTERPRETERS:
            program(Path(folder) / path, "\x7fELF")
        yield Path(folder)


INTERPRETERS = (
    "usr/bin/python",
    "usr/bin/python3",
    "venv/bin/python",
    "app/.venv/bin/python",
    "chosen/bin/python",
    "conda/bin/python",
    "conda/envs/ml/bin/python",
    "pypoetry/app-x-py3.11/bin/python",
    "virtualenvs/app-y/bin/python",
)


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


@pytest.fixture
def resolve(ask, image, end_python):
    """(path within the image, reason), of an ENTRYPOINT and a CMD."""

    def run(entrypoint=(), command=(), env=None, cwd="app"):
        data = {
            "entrypoint": [word.replace("{}", str(image)) for word in entrypoint],
            "command": [word.replace("{}", str(image)) for word in command],
            "env": {"PATH": f"{image}/usr/bin", "HOME": str(image / "root"), **(env or {})},
            "cwd": str(image / cwd),
        }
        data["env"] = {k: v.replace("{}", str(image)) for k, v in data["env"].items()}
        body = f"data = plan\n{QUESTION.replace('    ', '')}"
        path, reason = ask(end_python, ["environments", "shell", "resolve"], body, data=data)
        short = None if path is None else os.path.relpath(path, image)
        return short, reason.replace(str(image), "")

    return run


SYSTEM, VENV = "usr/bin/python", "venv/bin/python"


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


@pytest.fixture
def activating(image, resolve):
    """`resolve` in an image whose environments have an `activate`, and a script `entry`."""
    for prefix in ("venv", "app/.venv", "conda"):
        (image / prefix / "bin/activate").write_text("export PATH\n")

    def run(entry=None, **given):
        if entry is not None:
            program(image / "usr/bin/entry", entry.replace("{}", str(image)))
            given = {"entrypoint": ["entry"], "command": ["python", "app.py"], **given}
        return resolve(**given)

    return run


ML, BASE = "conda/envs/ml/bin/python", "conda/bin/python"


@pytest.mark.parametrize(
    ("text", "found", "told"),
    [
        ("source {}/venv/bin/activate && python app.py", VENV, "/venv activated"),
        (". {}/venv/bin/activate; exec python app.py", VENV, "/venv activated"),
        ("cd {}/app && . .venv/bin/activate && python app.py", "app/.venv/bin/python",
         "/app/.venv activated"),
        ("V={}/venv; . $V/bin/activate; python app.py", VENV, "/venv activated"),
        (". ${V:-{}/venv}/bin/activate && python app.py", VENV, "/venv activated"),
        ('. {}/venv/bin/activate "$@" && python app.py', VENV, "/venv activated"),
        ("[ -f {}/venv/bin/activate ] && . {}/venv/bin/activate; python app.py", VENV,
         "/venv activated"),
        ("if true; then . ~/../venv/bin/activate; fi; python a", VENV, "/venv activated"),
        ("export PATH={}/venv/bin:$PATH; python app.py", VENV, "PATH=/venv/bin:…"),
        ('export A=1 PATH="{}/venv/bin${PATH:+:${PATH}}"; python app.py', VENV,
         "PATH=/venv/bin:…"),
        ("PATH={}/venv/bin:$PATH python app.py", VENV, "PATH=/venv/bin:…"),
        ("PATH=$(pwd)/bin:$PATH; python app.py", SYSTEM, None),
        ("export PATH={}/bin:$PATH; python app.py", SYSTEM, None),
        (". {}/app/env.sh; python app.py", SYSTEM, None),
        ("conda activate ml && python app.py", ML, "/conda/envs/ml activated"),
        ("micromamba activate -n ml && python app.py", ML, "/conda/envs/ml activated"),
        ("conda activate {}/conda/envs/ml && python app.py", ML, "/conda/envs/ml activated"),
        ("source activate ml && python app.py", ML, "/conda/envs/ml activated"),
        (". {}/conda/bin/activate ml && python app.py", ML, "/conda/envs/ml activated"),
        (". {}/conda/bin/activate && python app.py", BASE, "/conda activated"),
        ("conda activate && python app.py", BASE, "/conda activated"),
        ("conda activate nothing; python app.py", SYSTEM, None),
    ],
)  # fmt: skip
def test_what_a_shell_activates_before_its_last_command_counts(activating, text, found, told):
    # A root of conda's, as images have it, that no default knows
    env = {"MAMBA_ROOT_PREFIX": "{}/conda"}
    path, reason = activating(command=["bash", "-lc", text], env=env)
    assert path == found
    start, _, end = reason.partition(", ")
    assert start.startswith("CMD bash -lc ")
    assert (end or None) == told


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ('#!/bin/bash\nset -e\nsource {}/venv/bin/activate\nexec "$@"\n', VENV),
        ('#!/bin/sh\nexport PATH={}/venv/bin:$PATH\nexec "$@"\n', VENV),
        ('#!/bin/sh\nPATH="{}/venv/bin:$PATH"\nexport PATH\nexec "$@"\n', VENV),
        ("#!/bin/sh\n. {}/venv/bin/activate\nexec serve\n", VENV),
        ('#!/bin/bash\n. {}/conda/etc/profile.d/conda.sh\nconda activate ml\nexec "$@"\n', ML),
        ('#!/bin/bash\neval "$(conda shell.bash hook)"\nconda activate ml\nexec "$@"\n', ML),
    ],
)
def test_what_an_entry_script_activates_counts(activating, image, entry, found):
    program(image / "venv/bin/serve", "#!/usr/bin/env python\n")
    program(image / "conda/bin/conda", f"#!{image}/conda/bin/python\n")
    env = {"PATH": "{}/usr/bin" + (":{}/conda/condabin" if "eval" in entry else "")}
    program(image / "conda/condabin/conda", f"#!{image}/conda/bin/python\n")
    assert activating(entry, env=env)[0] == found


MICROMAMBA = """#!/usr/bin/env bash
set -ef -o pipefail
source _activate_current_env.sh
exec "$@"
"""


@pytest.mark.parametrize(
    ("env", "found", "told"),
    [
        ({}, BASE, "/conda activated"),
        ({"ENV_NAME": "ml"}, ML, "/conda/envs/ml activated"),
    ],
)
def test_an_image_of_micromamba_activates_its_environment(activating, image, env, found, told):
    for name in ("python", "python3"):
        (image / "usr/bin" / name).unlink()
    env = {"MAMBA_ROOT_PREFIX": "{}/conda", **env}
    assert activating(MICROMAMBA, env=env) == (found, f"ENTRYPOINT entry python app.py, {told}")


def test_condas_base_is_the_very_last_resort(activating, image):
    for name in ("python", "python3"):
        (image / "usr/bin" / name).unlink()
    env = {"MAMBA_ROOT_PREFIX": "{}/conda"}
    assert activating(command=["serve"], env=env) == (
        BASE,
        "conda's base, since serve is not in the image",
    )


def test_a_fallback_tells_what_was_activated(activating):
    assert activating("#!/bin/sh\n. {}/venv/bin/activate\nexec nothing\n") == (
        VENV,
        "python on PATH, /venv activated, since nothing is not in the image",
    )


def test_a_long_command_leaves_room_for_what_was_activated(activating, image):
    text = f". {image}/venv/bin/activate && python app.py" + " --option=value" * 20
    _, reason = activating(command=["sh", "-c", text])
    assert reason.endswith("..., /venv activated")
    assert len(reason) <= 80


def test_a_null_in_a_script_breaks_nothing(activating):
    assert activating("#!/bin/sh\nA=\0\nexec {}/venv/bin/python\0\n")[0] == VENV


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
        (["{}/nowhere/python"], "/nowhere/python is not in the image"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_can_not_be_followed_falls_back_to_python_and_says_why(resolve, image, command, why):
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
