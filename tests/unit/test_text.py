"""Text that is safe to show, and no more of it than is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.text import (
    bounded,
    encodable,
    last_lines,
    one_line,
    printable,
    shorten,
    table,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer ≥ 1 GiB", "größer ≥ 1 GiB"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("name\udcff", "name\\udcff"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
    ],
)
def test_printable_escapes_what_a_terminal_would_act_on(text, shown):
    assert printable(text) == shown


@given(st.text())
def test_printable_text_is_printable_and_stays_as_it_is(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


@given(st.text(), st.integers(1, 100))
def test_one_line_keeps_to_its_width(text, width):
    assert len(one_line(text, width)) <= width


def test_shorten_marks_what_it_cut():
    assert shorten("exactly ten", 11) == "exactly ten"
    assert shorten("exactly ten", 10) == "exactly t…"


@pytest.mark.parametrize(("count", "last"), [(9, "8"), (10, "9"), (11, "… and 1 more")])
def test_bounded_counts_what_it_leaves_out(count, last):
    assert bounded(map(str, range(count)))[-1] == last


def test_last_lines_skip_blank_ones_and_count_those_above():
    assert last_lines("a\n\n b\tc\nd\n", limit=2) == ["… 1 more above", " b      c", "d"]


def test_a_table_aligns_figures_right_and_drops_empty_columns():
    rows = [("1.2 GB", "", "torch"), ("94 MB", "", "transformers")]
    assert table(rows) == ["1.2 GB  torch", " 94 MB  transformers"]
    assert table([]) == []


def test_what_utf_8_has_not_is_escaped_wherever_it_stands():
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert encodable(odd) == "caf\\udce9"
    assert encodable([odd, ("é", 1, None)]) == ["caf\\udce9", ["é", 1, None]]
    assert encodable({odd: {"a": odd}}) == {"caf\\udce9": {"a": "caf\\udce9"}}
