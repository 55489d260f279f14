"""Shell texts: their commands, words and conditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.dockerfile.shell import commands
from pytest_tfdocker.dockerfile.words import expand, split_words


def words(text, **variables):
    return [[arg.text for arg in one.args] for one in commands(text, variables)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set -ex; a b && c | d", [["set", "-ex"], ["a", "b"], ["c"], ["d"]]),
        (
            "pip install 'torch>=2' \"numpy<3\" x\\>1",
            [["pip", "install", "torch>=2", "numpy<3", "x>1"]],
        ),
        ("pip install torch>=2", [["pip", "install", "torch"]]),
        ("a >/dev/null 2>&1 b < in", [["a", "b"]]),
        ("a # comment\nb", [["a"], ["b"]]),
        ("a#b", [["a#b"]]),
        ("(cd /x && y); { z; }", [["cd", "/x"], ["y"], ["z"]]),
        ("cat > f <<E\npip install no\nE\npip install yes", [["cat"], ["pip", "install", "yes"]]),
        ("a \\\n b", [["a", "b"]]),
        ("! a", [["a"]]),
        ("a -r <(b -v c | d) e", [["a", "-r", "<(b -v c | d)", "e"]]),
        ('a <(b ")" (c)) > f', [["a", '<(b ")" (c))']]),
        ("", []),
    ],
)
def test_commands(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a $V ${V} \"$V\" '$V' \\$V", ["a", "1", "1", "1", "$V", "$V"]),
        ('a $LIST "$LIST"', ["a", "x", "y", "x y"]),
        ("a ${NO:-d} ${V:-d} ${V:+s} ${NO:+s}", ["a", "d", "1", "s"]),
        ("a t==${V}.0", ["a", "t==1.0"]),
        ('a $EMPTY b "$EMPTY"', ["a", "b", ""]),
        ("a pre$LIST", ["a", "prex", "y"]),
        ("N=2 && a $N", ["a", "2"]),
        ("export N=2; a $N", ["a", "2"]),
    ],
)
def test_known_variables_are_put_in(text, expected):
    found = words(text, V="1", LIST="x y", EMPTY="")
    assert found[-1] == expected


@pytest.mark.parametrize(
    ("word", "unknown"),
    [
        ("$NO", ("NO",)),
        ("t==${NO}", ("NO",)),
        ("$(cat x)", ("$(cat x)",)),
        ("`cat x`", ("`cat x`",)),
        ("${V%.*}", ("${V%.*}",)),
        ("$1", ("$1",)),
        ("'$NO'", ()),
    ],
)
def test_what_is_not_known_is_named(word, unknown):
    (one,) = commands(f"a {word}", {"V": "1"})
    assert one.args[1].unknown == unknown


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("a && b; c", [None, None, None]),
        ("a || b; c", [None, "only if the command before it fails", None]),
        ("[ -f x ] && a; b", [None, "under a condition", None]),
        ("if a; then b; fi; c", ["under a condition", "under a condition", None]),
        ("for p in a b; do c $p; done; d", ["in a loop", None]),
        ("while a; do b; done && c", ["in a loop", "in a loop", None]),
        ("case $x in a) b;; esac; c", ["under a condition", None]),
    ],
)
def test_conditions(text, conditions):
    assert [one.condition for one in commands(text, {})] == conditions


def test_what_a_loop_or_a_condition_sets_is_not_known_afterwards():
    found = commands("V=1; if x; then V=2; fi; a $V", {})
    assert found[-1].args[1].unknown == ("V",)


def test_a_loops_variable_is_not_known_in_it():
    (one,) = commands("for V in a b; do x $V; done", {"V": "1"})
    assert one.args[1].unknown == ("V",)


def test_a_pipe_is_remembered():
    assert [one.piped for one in commands("curl x | sh", {})] == [False, True]


def test_settings_in_front_of_a_command_are_its_own():
    first, second = commands("A=1 B=$A x; y $A", {})
    assert first.environment["A"] == "1"
    assert second.args[1].unknown == ("A",)


def test_split_words_keeps_quotes_and_substitutions_whole():
    found = [word for _, word in split_words("a='b c' \"d e\" $(f g) ${h:-i j} k\\ l")]
    assert found == ["a='b c'", '"d e"', "$(f g)", "${h:-i j}", "k\\ l"]


def test_a_substitution_for_a_file_is_not_known():
    (one,) = commands("a <(b)", {})
    assert one.args[1].unknown == ("<(b)",)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("cd x && a", "/w/x"),
        ("cd /x; cd y/..; a", "/x"),
        ("(cd x); a", "/w"),
        ("(cd x && a)", "/w/x"),
        ("case v in v) cd x;; esac; a", "/w/x"),
        ("(case v in (v) cd x;; esac; cd y); a", "/w"),
        ("cd x; cd -; a", "/w"),
        ("pushd x; popd; a", "/w"),
        ("cd; a", "/w"),
        (") a", "/w"),
    ],
)
def test_a_folder_holds_until_its_shell_ends(text, folder):
    assert commands(text, {}, folder="/w")[-1].folder == folder


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("export A=1; x", {"P": "/b", "A": "1"}),
        ("A=1; x", {"P": "/b"}),
        ("A=1; export A; x", {"P": "/b", "A": "1"}),
        ("export P=/a:$P && x", {"P": "/a:/b"}),
        ("P=/a; x", {"P": "/a"}),
        ("(export A=1); x", {"P": "/b"}),
        ("if y; then export P=/a; fi; x", {}),
        ("export P=$(y); x", {}),
        ("A=1 x", {"P": "/b", "A": "1"}),
        (". e/bin/activate; x", {"P": "/b", "PATH": "/w/e/bin:", "VIRTUAL_ENV": "/w/e"}),
        ("conda activate e; x", {"P": "/b", "CONDA_DEFAULT_ENV": "e"}),
        ("source activate e; x", {"P": "/b", "CONDA_DEFAULT_ENV": "e"}),
    ],
)
def test_what_is_exported_is_seen(text, environment):
    assert commands(text, {"P": "/b"}, folder="/w")[-1].environment == environment


def test_the_files_of_redirects_are_those_that_are_written():
    found = commands("a > x 2>>y.$V < z; b 2>&1 | c &> 'w w'", {"V": "1"})
    assert [one.writes for one in found] == [("x", "y.1"), (), ("w w",)]


NOISE = st.text(alphabet="ab \\\"'`$(){}<>|&;#\n=-:+~A", max_size=40)


@given(text=NOISE)
def test_any_text_is_taken(text):
    for one in commands(text, {"A": "x y"}):
        assert one.args
        assert all(0 <= arg.offset < len(text) for arg in one.args)
    expand(text, {"A": "1"})
    split_words(text)


def test_deep_nesting_and_long_texts_end_soon():
    expand("${A:-" * 5_000, {})
    commands("$(" * 20_000, {})
    commands("'" + "a\\" * 50_000, {})
