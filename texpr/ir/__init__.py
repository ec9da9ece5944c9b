"""What a program says: types, expressions, buffers, the loop tree, and what reads and rewrites it."""

from __future__ import annotations

from texpr.ir import printer

__all__ = ["printer"]
