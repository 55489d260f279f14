"""What a run looked up in vain: the host and the model, out of what libraries write."""

import pytest

from pytest_tfdocker.checks.endings import ending_of
from pytest_tfdocker.checks.look_ups import with_look_ups
from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.evidence.records import Started

POOL = (
    "requests.exceptions.ConnectionError: (MaxRetryError('HTTPSConnectionPool("
    "host=\\'huggingface.co\\', port=443): Max retries exceeded with url: "
    "/sentence-transformers/all-MiniLM-L6-v2/resolve/main/modules.json (Caused by "
    "NameResolutionError: Failed to resolve \\'huggingface.co\\'')"
).replace("\\'", "'")
HTTPX = (
    "'[Errno -3] Temporary failure in name resolution' thrown while requesting HEAD "
    "https://huggingface.co/google-bert/bert-base-uncased/resolve/main/config.json\n"
    "Retrying in 1s [Retry 1/5]."
)
TRANSFORMERS = """OSError: We couldn't connect to 'https://huggingface.co' to load the files, and \
couldn't find them in the cached files.
Check your internet connection or see how to run the library in offline mode at \
'https://huggingface.co/docs/transformers/installation#offline-mode'.
"""
TORCH_HUB = """Downloading: "https://download.pytorch.org/models/resnet18-f37072fd.pth" to /root/x
urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>
"""
OFFLINE = (
    "OfflineModeIsEnabled: Cannot reach https://huggingface.co/openai-community/gpt2/resolve/main/"
    "config.json: offline mode is enabled. To disable it, please unset `HF_HUB_OFFLINE`."
)


def look_up_lines(run):
    return with_look_ups(run, ending_of(run), [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (POOL, "huggingface.co for sentence-transformers/all-MiniLM-L6-v2,"),
        (HTTPX, "huggingface.co for google-bert/bert-base-uncased,"),
        (TRANSFORMERS, "it asked huggingface.co, which"),
        (OFFLINE, "huggingface.co for openai-community/gpt2,"),
    ],
    ids=["requests", "httpx", "transformers", "offline"],
)
def test_a_model_of_the_hub_is_named_and_said_to_be_missing(run, text, told):
    first, mend = look_up_lines(run(exit_code=1, stderr=text))
    assert told in first
    assert first.endswith("the weights are not in the image")
    assert "HF_HUB_OFFLINE=1" in mend


def test_another_host_is_named_with_what_was_wanted_of_it(run):
    [line] = look_up_lines(run(exit_code=1, stderr=TORCH_HUB))
    assert "download.pytorch.org for /models/resnet18-f37072fd.pth," in line


@pytest.mark.parametrize(
    "text",
    [
        "see https://huggingface.co/docs/transformers for more\nValueError: no weights",
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "",
    ],
    ids=["a link", "no host", "nothing"],
)
def test_what_names_no_host_that_failed_says_nothing(run, text):
    assert look_up_lines(run(exit_code=1, stderr=text)) == []


def test_terminal_codes_of_a_name_are_escaped(run):
    text = "Cannot reach https://example.org/\x1b[31mred: offline mode is enabled"
    [line] = look_up_lines(run(exit_code=1, stderr=text))
    assert "\x1b" not in line


def traceback(error, name="a.py"):
    return f'Traceback (most recent call last):\n  File "{name}", line 1, in <module>\n{error}\n'


DENIED = traceback("PermissionError: [Errno 13] Permission denied: '/data/out.json'")
HANDLING = "\nDuring handling of the above exception, another exception occurred:\n\n"
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
STARTED = Started(
    user="1000", user_origin="the image's USER", read_only=False, read_only_origin="run.read-only"
)
NOT_THERE = (
    "it asked huggingface.co for google-bert/bert-base-uncased, which this container's network "
    "does not reach: the weights are not in the image"
)
BEFORE = (
    "before that it asked huggingface.co for google-bert/bert-base-uncased, which this "
    "container's network does not reach"
)
NOT_ALLOWED = (
    "user 1000 (the image's USER) may not use /data/out.json: "
    "`RUN chgrp -R 0 /data && chmod -R g=u /data`, as OpenShift asks of an image"
)


def why(run, stderr, **changes):
    """What is said of how a run ended, of these three."""
    judged = judge_run(run(**{"exit_code": 1, "stderr": stderr, "started": STARTED, **changes}))
    known = (NOT_THERE, BEFORE, NOT_ALLOWED)
    return [one for one in judged.details if one in known]


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (f"{HTTPX}\n{DENIED}", [NOT_ALLOWED, BEFORE]),
        (f"{traceback(HTTPX)}\nwent on\n{DENIED}", [NOT_ALLOWED, BEFORE]),
        (f"{HTTPX}\n{traceback('ValueError: no')}", [BEFORE]),
        (f"{traceback(HTTPX)}{HANDLING}{DENIED}", [NOT_ALLOWED, NOT_THERE]),
        (f"{traceback(HTTPX)}{CAUSE}{traceback('RuntimeError: no model')}", [NOT_THERE]),
        (f"{DENIED}\nwent on\n{traceback(HTTPX)}", [NOT_THERE]),
        (DENIED, [NOT_ALLOWED]),
    ],
    ids=["logged", "caught", "another", "handled", "chained", "last", "none"],
)
def test_the_error_that_a_run_ended_by_comes_first(run, stderr, told):
    assert why(run, stderr) == told


@pytest.mark.parametrize(
    "source", ["", "    u.urlopen('https://huggingface.co/bert/resolve/main/config.json')\n"]
)
def test_of_a_run_that_imports_nothing_no_import_is_blamed(run, source):
    error = "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>"
    stderr = traceback(error).replace(error, source + error)
    told = judge_run(run(exit_code=1, stderr=stderr, started=STARTED)).text
    assert "imported" not in told
    assert ("it asked huggingface.co for " if source else "it looks something up") in told
    assert "run.network" in told
    assert ("it looks something up" in told) is not bool(source)


def test_of_an_exception_group_each_is_of_the_end(run):
    group = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "a.py", line 1, in <module>\n'
        "  | ExceptionGroup: two (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        f"    | httpx.ConnectError: {HTTPX.splitlines()[0]}\n"
        "    +---------------- 2 ----------------\n"
        "    | Traceback (most recent call last):\n"
        "    | ValueError: no\n"
        "    +------------------------------------\n"
    )
    assert why(run, group) == [NOT_THERE]
    assert why(run, f"{HTTPX}\n{group.replace('[Errno -3] Temporary failure in name', '')}") == [
        BEFORE
    ]


def test_without_a_traceback_the_last_lines_count(run):
    lines = "working\n"
    assert why(run, f"{HTTPX}\n{lines * 8}") == [NOT_THERE]
    assert why(run, f"{HTTPX}\n{lines * 10}") == [BEFORE]
    denied = "sh: 1: cannot create /data/out.json: Permission denied\n"
    assert why(run, f"{HTTPX}\n{lines * 10}{denied}") == [NOT_ALLOWED, BEFORE]


def test_what_was_killed_has_survived_its_tracebacks(run):
    lines = "working\n" * 10
    assert why(run, f"{traceback(HTTPX)}{lines}", exit_code=139) == [BEFORE]


def test_a_run_that_was_stopped_is_said_to_wait_where_its_last_words_are_others(run):
    advice = "mend what waits, or raise the smoke's `timeout`; no network is there unless "
    stopped = {"exit_code": None, "timed_out": True}
    at_it = judge_run(run(**stopped, stderr=HTTPX))
    assert NOT_THERE in at_it.details
    assert not any(one.startswith(advice) for one in at_it.details)
    later = judge_run(run(**stopped, stderr=f"{HTTPX}\n" + "working\n" * 10)).details
    assert [one for one in later if one.startswith(advice) or one == BEFORE][1:] == [BEFORE]


@pytest.mark.parametrize(
    ("answer", "stderr", "told"),
    [
        ("status 500, not 200: POST /embed", f"{HTTPX}\n{DENIED}", [NOT_ALLOWED, BEFORE]),
        (
            "request 2 of 5: status 500, not 200: POST /",
            traceback(HTTPX) + "log\n" * 10,
            [NOT_THERE],
        ),
        ("n is 3, not 4", f"{traceback(HTTPX)}" + "log\n" * 10, [BEFORE]),
        ("n is 3, not 4", DENIED, []),
    ],
)
def test_of_a_service_the_traceback_of_its_answer_counts(run, answer, stderr, told):
    assert why(run, stderr, exit_code=None, request_error=answer) == told
