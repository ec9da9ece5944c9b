"""What the names in a kernel mean outside of it: closure, enclosing function, module, builtins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType, FunctionType
from typing import Any, Final

MISSING: Final = object()
"""Stands for the object of a name that nothing has."""


class Outside(Mapping[str, Any]):
    """The names that ``function`` sees around itself, with the objects they have now.

    >>> import math
    >>> def area(r):
    ...     return math.pi * r * r
    >>> Outside(area)["math"] is math, "nothing" in Outside(area)
    (True, False)
    """

    def __init__(self, function: FunctionType, first: Mapping[str, Any] | None = None) -> None:
        closure: dict[str, Any] = {}
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                closure[name] = cell.cell_contents
            except ValueError:  # nothing was assigned to it yet, as to the name of the kernel
                continue
        builtins = function.__globals__.get("__builtins__", {})
        self.scopes: tuple[Mapping[str, Any], ...] = (
            first or {},
            closure,
            function.__globals__,
            builtins if isinstance(builtins, dict) else vars(builtins),
        )

    def __getitem__(self, name: str) -> Any:
        for names in self.scopes:
            if name in names:
                return names[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name for names in self.scopes for name in names})

    def __len__(self) -> int:
        return len(list(iter(self)))


def names_around(function: FunctionType, frame: FrameType | None) -> Mapping[str, Any]:
    """Return the local variables of ``frame`` if ``function`` was defined there.

    An annotation that is a string is no use of the names in it, so that the closure lacks them.
    """
    if frame is None or function.__code__ not in frame.f_code.co_consts:
        return {}
    return dict(frame.f_locals)
