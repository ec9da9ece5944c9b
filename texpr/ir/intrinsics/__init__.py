"""The scalar functions of expressions, a module each; every module holds one ``INTRINSIC``."""

from __future__ import annotations

import importlib
import pkgutil
from types import MappingProxyType
from typing import Final

from texpr.ir.intrinsic import Intrinsic

INTRINSICS: Final = MappingProxyType(
    {
        module.name: importlib.import_module(f"{__name__}.{module.name}").INTRINSIC
        for module in pkgutil.iter_modules(__path__)
    }
)
"""Every scalar function by name."""

__all__ = ["INTRINSICS", "Intrinsic"]
