"""Where the C functions of this process are, by name."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Iterable
from functools import cache


def address_of(symbol: str) -> int | None:
    """Return the address of a function of Python's C API or of the C libraries, or None."""
    for libraries in (_loaded, _c_libraries):
        for library in libraries():
            try:
                function = library[symbol]
            except AttributeError:
                continue
            return ctypes.cast(function, ctypes.c_void_p).value
    return None


@cache
def _loaded() -> list[ctypes.CDLL]:
    """Python, and the C libraries it uses: on POSIX one handle sees all that is loaded."""
    more = ("ucrtbase", "vcruntime140", "msvcrt", "ntdll") if os.name == "nt" else (None,)
    return [ctypes.pythonapi, *_load(more)]


@cache
def _c_libraries() -> list[ctypes.CDLL]:
    """The C libraries by name, should Python be linked so that it does not show their symbols.

    Finding them starts a subprocess on Linux, so this is the last resort.
    """
    return _load(filter(None, (ctypes.util.find_library("m"), ctypes.util.find_library("c"))))


def _load(names: Iterable[str | None]) -> list[ctypes.CDLL]:
    loaded = []
    for name in names:
        try:
            loaded.append(ctypes.CDLL(name))
        except OSError:  # not on this system
            continue
    return loaded
