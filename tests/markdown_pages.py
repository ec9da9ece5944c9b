"""Markdown pages whose programs are run: ``python`` blocks as they stand, ``pycon`` as sessions."""

from __future__ import annotations

import doctest
import linecache
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Page:
    """A page of the project: its path below the root, and its text."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        return [text for kind, text in self.programs() if kind == language]

    def programs(self) -> list[tuple[str, str]]:
        """The fenced blocks in order, each with its language."""
        return re.findall(r"^```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def run(self) -> dict[str, Any]:
        """Run the programs from top to bottom in one scope, which is returned."""
        scope: dict[str, Any] = {"__name__": "__main__"}
        for number, (language, text) in enumerate(self.programs()):
            name = f"{self.path} example {number}" if number else self.path
            if language == "python":
                # A loop kernel reads its source, and looks for it here.
                linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
                exec(compile(text, name, "exec"), scope)
            elif language == "pycon":
                run_session(text, scope, name)
        return scope

    def broken_links(self) -> list[str]:
        folder = (ROOT / self.path).parent
        links = re.findall(r"\]\(([^)#]+)\)", self.text)
        return [link for link in links if "://" not in link and not (folder / link).exists()]


def run_session(text: str, scope: dict[str, Any], name: str) -> None:
    """Run what follows each ``>>>`` and compare what it prints."""
    test = doctest.DocTestParser().get_doctest(text, scope, name, name, 0)
    test.globs = scope
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)
