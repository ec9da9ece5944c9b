"""The scheduling primitives, a module each.

A module holds

``apply(state, stage, …)``
    checks the arguments and returns the new state and the axes that it made;
``sample(state, stage, random)``
    proposes arguments ``(positional, keywords)`` that fit, or None: property tests and the tuner
    pick a primitive up by it.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import MappingProxyType, ModuleType
from typing import Final

PRIMITIVES: Final[MappingProxyType[str, ModuleType]] = MappingProxyType(
    {
        module.name: importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    }
)
"""Every primitive by name."""
