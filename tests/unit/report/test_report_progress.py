"""Live progress: a status line on a terminal, a line a step elsewhere, nothing left behind."""

import io
import subprocess
import sys

import pytest

from pytest_tfdocker.report.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    """A clock that stands still unless told."""

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_without_a_terminal_each_step_is_one_line(clock):
    out = io.StringIO()
    with Progress("build", out, clock=clock) as progress:
        progress.step("[1/3] FROM python", "cached", 0.0)
        progress.step("[2/3] RUN pip install -r requirements.txt", "started")
        progress.log("Collecting torch")
        clock.now += 12.3
        progress.step("[2/3] RUN pip install -r requirements.txt", "done")
        progress.step("[2/3] RUN pip install -r requirements.txt", "done")
        progress.step("[3/3] RUN \x1b[31mfalse", "failed", 0.1)
    assert out.getvalue() == (
        "build: [1/3] FROM python cached\n"
        "build: [2/3] RUN pip install -r requirements.txt 12.3 s\n"
        "build: [3/3] RUN \\x1b[31mfalse failed, 100 ms\n"
    )


def test_a_long_step_without_a_terminal_is_heard_of_now_and_then(clock):
    out = io.StringIO()
    with Progress("build", out, clock=clock) as progress:
        progress.step("[2/3] RUN pip install torch", "started")
        for line in ("Collecting torch", "Downloading", "Installing"):
            clock.now += 15.0
            progress.log(line)
    assert out.getvalue() == "build: [2/3] RUN pip install torch 30.0 s\n  Downloading\n"


def test_ctrl_c_without_a_terminal_names_what_it_interrupted(clock):
    out = io.StringIO()
    progress = Progress("build", out, clock=clock)
    with pytest.raises(KeyboardInterrupt), progress:
        _interrupted(progress, KeyboardInterrupt)
    assert out.getvalue() == "build: [1/2] RUN sleep interrupted, 0 ms\n"


def test_a_function_that_takes_text_will_do():
    written = []
    with Progress("run", written.append) as progress:
        progress.step("embed", "done", 8.0)
    assert written == ["run: embed 8.0 s\n"]


def test_a_step_may_end_by_a_word_of_its_own():
    out = io.StringIO()
    with Progress("fit embed", out) as progress:
        progress.step("3 of ~5, 412 MiB", "started")
        progress.step("3 of ~5, 412 MiB", "passes", 3.1)
    assert out.getvalue() == "fit embed: 3 of ~5, 412 MiB passes, 3.1 s\n"


def test_long_steps_are_cut_and_many_are_forgotten():
    out = io.StringIO()
    with Progress("build", out) as progress:
        for number in range(1500):
            progress.step(f"[{number}] {'x' * 500}", "done", 1.0)
    assert max(map(len, out.getvalue().splitlines())) <= 120
    assert len(progress._told) == 1000


def test_on_a_terminal_the_status_line_shows_step_time_and_output_and_is_wiped(clock):
    out = Terminal()
    with Progress("build", out, clock=clock) as progress:
        progress.step("[2/3] RUN pip install", "started")
        progress.log("Collecting torch\x1b]0;x\x07")
        clock.now += 12.0
        progress._live.refresh()
        progress.step("[2/3] RUN pip install", "done")
    shown = out.getvalue()
    assert "build: [2/3] RUN pip install 12.0 s" in shown
    assert "Collecting torch\\x1b]0;x\\x07" in shown
    assert shown.endswith("\x1b[?25h")


def _interrupted(progress, raised):
    progress.step("[1/2] RUN sleep", "started")
    raise raised


@pytest.mark.parametrize("raised", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_the_cursor_shown_and_no_thread(raised):
    out = Terminal()
    progress = Progress("build", out)
    with pytest.raises(raised), progress:
        _interrupted(progress, raised)
    assert out.getvalue().endswith("\x1b[?25h")
    assert progress._live is None


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    with Progress("build", out) as progress:
        progress.step("[1/1] FROM x", "done", 1.0)
    assert out.getvalue() == "build: [1/1] FROM x 1.0 s\n"


def test_rich_is_not_imported_without_a_terminal():
    program = (
        "import sys, io; from pytest_tfdocker.report.progress import Progress\n"
        "with Progress('build', io.StringIO()) as p: p.step('a', 'done', 1.0)\n"
        "print('rich' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"
