"""The options of the test run itself: golden files and ``--fuzz``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

TESTS = """
from hypothesis import given, settings, strategies

drawn = []

def test_first(golden):
    golden("one\\ntwo", "first")

@settings(max_examples=7)
@given(strategies.integers())
def test_drawing(number):
    drawn.append(number)

def test_number_drawn():
    print("drawn:", len(drawn))
"""


@pytest.fixture
def suite(pytester):
    """A folder with our conftest and three tests, and a function that runs them."""
    folder = pytester.path / "tests"
    folder.mkdir()
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(TESTS)

    def run(*args):
        done = pytester.runpytest_inprocess("-s", "-p", "no:cacheprovider", "tests", *args)
        return done.ret, done.stdout.str() + done.stderr.str()

    return folder, run


def test_a_golden_file_is_written_once_and_then_compared(suite):
    folder, run = suite
    code, text = run()
    assert code == 1
    assert "golden file first.txt does not exist; run pytest --update-golden and read it" in text
    code, text = run("--update-golden")
    assert code == 1
    assert "golden file first.txt was rewritten: read it" in text
    assert (folder / "goldens" / "first.txt").read_text() == "one\ntwo\n"
    assert run()[0] == 0
    assert run("--update-golden")[0] == 0
    (folder / "goldens" / "first.txt").write_text("one\nthree\n")
    code, text = run()
    assert code == 1
    assert "-three" in text
    assert "+two" in text


def test_a_golden_file_that_no_test_asks_for_fails_a_whole_run(suite):
    folder, run = suite
    run("--update-golden")
    (folder / "goldens" / "old.txt").write_text("old")
    code, text = run()
    assert code == 1
    assert "golden file old.txt is asked for by no test" in text
    assert run("-k", "first")[0] == 0


def test_fuzz_multiplies_the_examples(suite):
    _, run = suite
    assert "drawn: 7" in run("--update-golden")[1]
    code, text = run("--fuzz", "3")
    assert code == 0
    assert "drawn: 21" in text
    assert run("--fuzz", "-1")[0] == pytest.ExitCode.USAGE_ERROR
