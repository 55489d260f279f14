"""What a run looked up in vain: the host and the model, out of what libraries write."""

import pytest

from pytest_tfdocker.checks.look_ups import look_up_lines

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
