"""The README does what it says: its programs run, and print what it shows."""

from __future__ import annotations

import doctest
import linecache
import re
from pathlib import Path
from typing import Any

import pytest

from texpr import config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """The names that the README's examples define."""
    found: dict[str, Any] = {}
    for number, example in enumerate(blocks("python")):
        name = f"README.md example {number}" if number else "README.md"
        # A loop kernel reads its source, and looks for it here.
        linecache.cache[name] = (len(example), None, example.splitlines(keepends=True), name)
        exec(compile(example, name, "exec"), found)
    return found


def test_the_example_is_short():
    example = blocks("python")[0]
    assert len([line for line in example.splitlines() if line]) <= 12


@pytest.mark.parametrize("index", range(len(blocks("pycon"))))
def test_sessions_show_what_happens(names, index):
    text = blocks("pycon")[index]
    test = doctest.DocTestParser().get_doctest(text, names, f"README block {index}", "README.md", 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)


def test_there_are_two_commands():
    assert blocks("sh") == ["pip install . && texpr demo\n", "pip install '.[test]' && pytest\n"]


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_variables_are_described_as_in_the_code():
    for variable in config.VARIABLES:
        default = f"`{variable.default}`" if variable.default else "unset"
        assert f"| `{variable.name}` | {default} | {variable.meaning} |" in README
