"""The pages of the reference do what they say."""

from __future__ import annotations

import pytest

from tests.markdown_pages import ROOT, Page

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_programs_run_and_print_what_is_shown(name):
    Page(f"docs/{name}").run()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    assert Page(f"docs/{name}").broken_links() == []


def test_every_page_is_listed():
    index = Page("docs/README.md").text
    for name in PAGES:
        assert name == "README.md" or f"]({name})" in index
