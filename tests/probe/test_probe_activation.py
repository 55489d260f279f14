"""What shells activate on the way to the last command, in CMD and in entry scripts."""

import pytest
from made_up import BASE, ML, SYSTEM, VENV, program


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


def test_a_value_that_doubles_with_each_line_ends(activating):
    entry = "#!/bin/sh\nA=0123456789\n" + "A=$A$A\n" * 60 + "exec {}/venv/bin/python\n"
    assert activating(entry)[0] == VENV
