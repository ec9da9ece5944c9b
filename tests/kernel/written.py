"""Kernels out of text, as a file or a notebook's cell would hold them."""

from __future__ import annotations

import itertools
import linecache
import math
import textwrap
from typing import Any

import numpy as np

import texpr
from texpr import te
from texpr.kernel import __all__ as exported

_numbers = itertools.count()

NAMES: dict[str, Any] = {
    "texpr": texpr,
    "te": te,
    "np": np,
    "math": math,
    **{name: getattr(texpr, name) for name in exported},
    **{name: texpr.size(name) for name in ("N", "M", "K")},
}
"""What the sources of the tests may use without importing it."""


def executed(source: str, **names: Any) -> dict[str, Any]:
    """Execute ``source`` where its text can be read again, and return its names."""
    text = textwrap.dedent(source)
    file = f"/written/kernel_{next(_numbers)}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    known = {**NAMES, **names}
    exec(compile(text, file, "exec", dont_inherit=True), known)
    return known


def kernel_of(source: str, **names: Any) -> Any:
    """Return the kernel that ``source`` defines: a decorated ``f``, or the body of one."""
    return executed(source, **names)["f"]
