"""What a program says: types, expressions, the loop tree, and what reads and rewrites them."""

from __future__ import annotations

from texpr.ir import printer

__all__ = ["printer"]
