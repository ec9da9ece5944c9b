"""The page for those who come from TVM lists what there is, and what to do about the rest."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.markdown_pages import ROOT, Page
from texpr.compat.tvm.advice import ADVICE, offered

PAGE = "docs/coming-from-tvm.md"
MODULES = (
    "", "te", "tir", "nd", "runtime", "target", "topi", "topi.nn", "topi.utils", "contrib",
    "contrib.cblas", "contrib.cc", "contrib.utils",
    "testing", "testing.utils", "transform", "ir", "driver", "error",
)  # fmt: skip
CLASSES = ("te.Schedule", "te.Stage", "runtime.Module", "runtime.Device", "nd.NDArray",
           "target.Target", "contrib.utils.TempDirectory")  # fmt: skip


def at(path):
    """The module or class at a path below tvm."""
    package, name = "texpr.compat.tvm", path
    if path in CLASSES:
        package, name = f"{package}.{path.rpartition('.')[0]}", path.rpartition(".")[2]
        return getattr(importlib.import_module(package), name)
    return importlib.import_module(f"{package}.{name}".rstrip("."))


def names_of(path):
    if path in CLASSES:
        return sorted(name for name in dir(at(path)) if not name.startswith("_"))
    return [name for name in offered(at(path)) if not name.startswith("_")]


def is_missing(path):
    owner, _, name = path.rpartition(".")
    return not hasattr(at(owner), name)


def what_there_is():
    rows = ["| in | names |", "| --- | --- |"]
    for path in sorted((*MODULES, *CLASSES)):
        names = names_of(path)
        if names:
            rows.append(f"| `tvm{path and '.'}{path}` | {' '.join(names)} |")
    return "\n".join(rows)


def what_there_is_not():
    rows = ["| name | what to do |", "| --- | --- |"]
    by_advice: dict[str, list[str]] = {}
    for path, advice in ADVICE.items():
        if is_missing(path):
            by_advice.setdefault(advice, []).append(f"`{path}`")
    rows += [f"| {', '.join(names)} | {advice} |" for advice, names in by_advice.items()]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("mark", "made"), [("offered", what_there_is), ("missing", what_there_is_not)]
)
def test_the_lists_are_what_python_finds(mark, made, request):
    """Rewritten by --update-golden, as golden files are."""
    text = Page(PAGE).text
    block = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- end -->)", re.DOTALL)
    now = block.sub(lambda found: f"{found[1]}{made()}\n{found[2]}", text)
    if now != text and request.config.getoption("--update-golden"):
        (ROOT / PAGE).write_text(now, encoding="utf-8")
        pytest.fail(f"{PAGE} was rewritten: read it")
    assert now == text, f"{PAGE} is out of date; run pytest --update-golden and read it"
