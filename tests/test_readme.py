"""The README does what it says: its programs run, and print what it shows."""

from __future__ import annotations

from tests.markdown_pages import Page
from texpr import config

README = Page("README.md")


def test_the_example_is_short():
    example = README.blocks("python")[0]
    assert len([line for line in example.splitlines() if line]) <= 12


def test_programs_run_and_print_what_is_shown():
    README.run()


def test_there_are_two_commands():
    assert README.blocks("sh") == [
        "pip install . && texpr demo\n",
        "pip install '.[test]' && pytest\n",
    ]


def test_links_lead_somewhere():
    assert README.broken_links() == []


def test_variables_are_described_as_in_the_code():
    for variable in config.VARIABLES:
        default = f"`{variable.default}`" if variable.default else "unset"
        assert f"| `{variable.name}` | {default} | {variable.meaning} |" in README.text
