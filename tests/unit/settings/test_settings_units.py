"""Sizes and times, as text and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.settings.units import (
    format_memory,
    format_over,
    format_seconds,
    format_share,
    format_short,
    format_size,
    parse_compose_size,
    parse_seconds,
    parse_share,
    parse_size,
)

GIB = 2**30
MIB = 2**20


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("4 GiB", 4 * GIB),
        ("4GiB", 4 * GIB),
        ("4Gi", 4 * GIB),
        ("4 Gi", 4 * GIB),
        ("900 MiB", 900 * MIB),
        ("1.5 GiB", 3 * GIB // 2),
        (".5 GiB", GIB // 2),
        ("2 GB", 2 * 10**9),
        ("512 MB", 512 * 10**6),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("1 KiB", 1024),
        ("1 PB", 10**15),
        ("0 B", 0),
        ("0", 0),
        (0, 0),
        ("1.1 GiB", 1181116006),
        ("9223372036854775807 B", 2**63 - 1),
    ],
)
def test_sizes_are_read_to_the_byte(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4G", "4G is 4 GiB (Compose) or 4 GB = 4·10⁹ (Kubernetes): write 4 GiB or 4 GB"),
        ("4g", "4g is 4 GiB (Compose) or 4 GB = 4·10⁹ (Kubernetes): write 4 GiB or 4 GB"),
        (
            "1.5 G",
            "1.5G is 1.5 GiB (Compose) or 1.5 GB = 1.5·10⁹ (Kubernetes): write 1.5 GiB or 1.5 GB",
        ),
        (
            "512M",
            "512M is 512 MiB (Compose) or 512 MB = 512·10⁶ (Kubernetes): write 512 MiB or 512 MB",
        ),
        (
            "512m",
            "512m is 512 MiB (Compose) or 512 thousandths of a byte (Kubernetes): "
            "write 512 MiB or 512 MB",
        ),
        ("4k", "4k is 4 KiB (Compose) or 4 kB = 4·10³ (Kubernetes): write 4 KiB or 4 kB"),
    ],
)
def test_a_bare_letter_is_refused_with_both_readings(text, message):
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1024, "a size needs a unit: write '1024 B', or MB, GB, MiB, GiB"),
        ("1024", "a size needs a unit: write '1024 B', or MB, GB, MiB, GiB"),
        ("1 gb", "'1 gb' has an unknown unit 'gb'; did you mean 'GB'?"),
        ("1 gib", "'1 gib' has an unknown unit 'gib'; did you mean 'GiB'?"),
        ("1 Mb", "'1 Mb' has an unknown unit 'Mb'; did you mean 'MB'?"),
        ("1 cubit", "'1 cubit' has an unknown unit 'cubit'; write B, kB, MB, GB, KiB, MiB or GiB"),
        ("-1 GB", "'-1 GB' is negative"),
        ("1,5 GB", "expected a size such as '4 GiB' or '2 GB', found '1,5 GB'"),
        ("", "expected a size such as '4 GiB' or '2 GB', found ''"),
        (True, "expected a size such as '4 GiB' or '2 GB', found True"),
        ("9223372036854775808 B", "'9223372036854775808 B' is more than an engine can count"),
    ],
)
def test_what_is_no_size_gets_what_to_write(value, message):
    with pytest.raises(ValueError) as caught:
        parse_size(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 s", 30), ("30s", 30), ("5 min", 300), ("500 ms", 0.5), ("1 h", 3600), ("1.5 h", 5400)],
)
def test_times_are_read_in_seconds(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (30, "a time needs a unit: write '30 s' or '30 min'"),
        ("30", "a time needs a unit: write '30 s' or '30 min'"),
        (0, "a time needs a unit: write '0 s' or '0 min'"),
        ("5m", "'5m' has the unit 'm': write '5 min'"),
        ("5 MIN", "'5 MIN' has an unknown unit 'MIN'; did you mean 'min'?"),
        ("5 years", "'5 years' has an unknown unit 'years'; write ms, s, min or h"),
        ("1h30m", "expected a time such as '30 s' or '5 min', found '1h30m'"),
        ("-1 s", "'-1 s' is negative"),
        ("1000000001 s", "'1000000001 s' is more than 1000000000 s"),
    ],
)
def test_what_is_no_time_gets_what_to_write(value, message):
    with pytest.raises(ValueError) as caught:
        parse_seconds(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        ("4G", 4 * GIB),
        ("4g", 4 * GIB),
        ("4gb", 4 * GIB),
        ("4GB", 4 * GIB),
        ("4GiB", 4 * GIB),
        ("512m", 512 * MIB),
        ("1.5g", 3 * GIB // 2),
        ("100b", 100),
        ("100", 100),
        (100, 100),
    ],
)
def test_compose_counts_in_powers_of_1024(value, size_bytes):
    assert parse_compose_size(value) == size_bytes


@pytest.mark.parametrize("value", ["", "x", "4 cubits", "-1", -1, True, None])
def test_compose_refuses_what_is_no_byte_value(value):
    with pytest.raises(ValueError) as caught:
        parse_compose_size(value)
    assert str(caught.value) == f"expected a byte value such as 4G or 512m, found {value!r}"


def outcomes(value):
    """What each parser makes of a value: the number, or the text of its error."""
    for parse in (parse_size, parse_seconds, parse_compose_size):
        try:
            yield parse(value)
        except ValueError as error:
            yield str(error)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_any_value_is_a_size_and_a_time_or_a_clear_error(value):
    assert all(0 < len(one) < 250 if isinstance(one, str) else one >= 0 for one in outcomes(value))


@given(st.from_regex(r"[0-9]{1,400}(\.[0-9]{1,400})? ?[a-zA-Z]{0,3}", fullmatch=True))
def test_any_quantity_is_a_size_and_a_time_or_a_clear_error(text):
    assert all(0 < len(one) < 300 if isinstance(one, str) else one >= 0 for one in outcomes(text))


@pytest.mark.parametrize(
    ("memory_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (291 * MIB, "291 MiB"),
        (5 * MIB, "5.0 MiB"),
        (GIB - 1, "1.00 GiB"),
        (3 * GIB // 2, "1.50 GiB"),
        (16 * GIB, "16.00 GiB"),
    ],
)
def test_memory_is_shown_in_powers_of_1024(memory_bytes, text):
    assert format_memory(memory_bytes) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_999, "10 kB"),
        (378 * 10**6, "378 MB"),
        (999_499_999, "999 MB"),
        (999_500_001, "1.0 GB"),
        (3_141_000_000, "3.1 GB"),
        (-378 * 10**6, "-378 MB"),
    ],
)
def test_image_sizes_are_shown_in_powers_of_1000(size_bytes, text):
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.35, "350 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (300, "5 min"),
        (312, "5 min 12 s"),
        (3900, "1 h 5 min"),
        (3601, "1 h 1 s"),
    ],
)
def test_seconds_are_shown_as_people_say_them(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("measured", "budget", "formatter", "text"),
    [
        (3_100_000_000, 2 * 10**9, format_size, "3.1 GB, 1.1 GB over 2.0 GB"),
        (2_040_000_000, 2 * 10**9, format_size, "2.04 GB, 40 MB over 2.0 GB"),
        (2_000_000_001, 2 * 10**9, format_size, "2,000,000,001 B, 1 B over 2.0 GB"),
        (1_060_000_000, 1_040_000_000, format_size, "1.06 GB, 20 MB over 1.04 GB"),
        (2, 0, format_size, "2 B, 2 B over 0 B"),
        (900 * MIB + 1, 900 * MIB, format_memory, "943,718,401 B, 1 B over 900 MiB"),
        (GIB + 4096, GIB, format_memory, "1,073,745,920 B, 4.0 KiB over 1.00 GiB"),
        (31.2, 30.0, format_seconds, "31.2 s, 1.2 s over 30.0 s"),
        (30.0001, 30.0, format_seconds, "30.0001 s, 0.1 ms over 30.0 s"),
        (301.0, 300.0, format_seconds, "5 min 1 s, 1.0 s over 5 min"),
    ],
)
def test_a_figure_over_its_budget_never_reads_as_the_budget(measured, budget, formatter, text):
    assert format_over(measured, budget, formatter) == text


@given(st.integers(0, 2**50), st.integers(1, 2**50), st.sampled_from([format_size, format_memory]))
def test_any_excess_in_bytes_is_visible(budget, excess, formatter):
    text = format_over(budget + excess, budget, formatter)
    over, limit = text.rsplit(" over ", 1)
    figure, rest = over.rsplit(", ", 1)
    assert figure != limit
    assert not rest.startswith("0 ")
    assert len(text) <= 60


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_any_excess_in_milliseconds_is_visible(budget, excess):
    seconds = float(Decimal(budget) / 1000), float(Decimal(budget + excess) / 1000)
    over, limit = format_over(seconds[1], seconds[0], format_seconds).rsplit(" over ", 1)
    figure, rest = over.rsplit(", ", 1)
    assert figure != limit
    assert not rest.startswith("0 ")


@given(st.integers(0, 2**60))
def test_what_is_shown_can_be_read_back_close_by(size_bytes):
    for formatter in (format_size, format_memory):
        assert abs(parse_size(formatter(size_bytes)) - size_bytes) <= size_bytes * 0.06 + 1


@pytest.mark.parametrize(
    ("text", "percent"), [("30 %", "30"), ("30%", "30"), (" 2.5 % ", "2.5"), ("0 %", "0")]
)
def test_shares_are_read_as_per_cent(text, percent):
    assert parse_share(text) == Decimal(percent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%", "expected a share such as '30 %', found '%'"),
        ("-5 %", "expected a share such as '30 %', found '-5 %'"),
        ("a third %", "expected a share such as '30 %', found 'a third %'"),
        ("100 %", "'100 %' leaves nothing: write less than 100 %"),
    ],
)
def test_what_is_no_share_gets_what_to_write(text, message):
    with pytest.raises(ValueError) as error:
        parse_share(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("measured", "least", "texts"),
    [
        (30 * 10**6, 100 * 10**6, ("30 MB", "100 MB")),
        (996 * 10**5, 100 * 10**6, ("99.6 MB", "100 MB")),
        (10**8 - 1, 10**8, ("99,999,999 B", "100 MB")),
        (0, 1, ("0 B", "1 B")),
    ],
)
def test_what_falls_short_never_reads_as_what_was_wanted(measured, least, texts):
    assert format_short(measured, least, format_size) == texts


@pytest.mark.parametrize(
    ("percent", "text"), [(2.8, "3 %"), (29.4, "29 %"), (29.6, "29.6 %"), (29.9999, None)]
)
def test_a_share_that_falls_short_never_reads_as_the_one_that_was_wanted(percent, text):
    assert format_share(percent, Decimal(30)) == text
