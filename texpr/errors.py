"""The errors texpr raises; every one of them is a :class:`TexprError`.

The text of an error reads ``<operation>: <what is wrong, with the values>; <what to do>``.
Where Python already has a word for the mistake the class is also that word, so that
``except ValueError`` catches a bad shape.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TexprError(Exception):
    """Something that the user asked for cannot be done; the text says what would be."""


class ShapeError(TexprError, ValueError):
    """A number of dimensions or an extent that does not fit."""


class DTypeError(TexprError, TypeError):
    """A type that an operation does not take, or a value of the wrong kind."""


class ArgumentError(TexprError, TypeError):
    """A kernel called with too many, too few or wrongly named arguments."""


class BoundsError(TexprError, IndexError):
    """An access outside its buffer."""


class UninitializedError(TexprError, ValueError):
    """A read of a cell that nothing has written."""


class ScheduleError(TexprError, ValueError):
    """A scheduling primitive that cannot be applied."""


class IllegalScheduleError(ScheduleError):
    """A scheduling primitive that would change what the program computes."""


class LoweringError(TexprError, ValueError):
    """A program that cannot be turned into machine code as it stands."""


class TargetError(TexprError, ValueError):
    """A target that does not exist or lacks what was asked of it."""


class TuneError(TexprError, RuntimeError):
    """A search that found nothing that could be measured."""


class InternalError(TexprError, RuntimeError):
    """A bug in texpr itself."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}; this is a bug in texpr, please report it with the program")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string.

    >>> did_you_mean("lvm", ["llvm", "cuda"])
    "; did you mean 'llvm'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
