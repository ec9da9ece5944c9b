"""Every lesson runs top to bottom as a notebook, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbclient
import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
LESSONS = sorted(TUTORIALS.glob("[0-9]*.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs(lesson, monkeypatch):
    # The kernel's process finds the texpr that is being tested, installed or not.
    monkeypatch.setenv("PYTHONPATH", str(TUTORIALS.parent), prepend=":")
    notebook = jupytext.read(lesson)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    printed = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert printed, "a lesson shows something"


def test_every_lesson_is_listed():
    text = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    assert LESSONS
    for lesson in LESSONS:
        assert f"[{lesson.name}]({lesson.name})" in text


def test_only_the_text_is_kept():
    ignored = (TUTORIALS.parent / ".gitignore").read_text(encoding="utf-8").split()
    assert "tutorials/*.ipynb" in ignored
