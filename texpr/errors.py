"""The errors texpr raises; every one of them is a :class:`TexprError`.

The text of an error reads ``<operation>: <what is wrong, with the values>; <what to do>``.
Where Python already has a word for the mistake the class is also that word, so that
``except ValueError`` catches a bad shape.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class TexprError(Exception):
    """Something that the user asked for cannot be done; the text says what would be."""


class ShapeError(TexprError, ValueError):
    """A number of dimensions or an extent that does not fit."""


class DTypeError(TexprError, TypeError):
    """A type that an operation does not take, or a value of the wrong kind."""


class ArgumentError(TexprError, TypeError):
    """A kernel called with too many, too few or wrongly named arguments."""


class ArrayMemoryError(TexprError, MemoryError):
    """An array for which there is no memory."""


class BoundsError(TexprError, IndexError):
    """An access outside its buffer."""


class UninitializedError(TexprError, ValueError):
    """A read of a cell that nothing has written."""


class ScheduleError(TexprError, ValueError):
    """A scheduling primitive that cannot be applied."""


class IllegalScheduleError(ScheduleError):
    """A scheduling primitive that would change what the program computes, or may.

    ``verdict`` (a ``texpr.polyhedral.verdict.Verdict``) has the same as fields.
    """

    def __init__(self, text: str, verdict: object = None) -> None:
        super().__init__(text)
        self.verdict = verdict


class LoweringError(TexprError, ValueError):
    """A program that cannot be turned into machine code as it stands."""


class TargetError(TexprError, ValueError):
    """A target that does not exist or lacks what was asked of it."""


class ConfigError(TexprError, ValueError):
    """An environment variable whose value means nothing."""


class TuneError(TexprError, RuntimeError):
    """A search that found nothing that could be measured."""


class TexprWarning(UserWarning):
    """Something that does no harm but is hardly what the user meant."""


class KernelError(TexprError, SyntaxError):
    """Something in a loop kernel that its language does not take.

    Python's own fields of a SyntaxError say where: ``filename``, ``lineno``, ``offset``, ``text``.

    >>> print(KernelError("f: no", ("/home/me/f.py", 3, 5, "    while True:", 3, 16)))
    f: no
      f.py:3
        while True:
        ^^^^^^^^^^^
    """

    def __str__(self) -> str:
        if self.lineno is None or self.text is None or self.offset is None:
            return str(self.msg)
        where = (self.filename or "?", self.lineno, self.text, self.offset, self.end_offset)
        return f"{self.msg}\n{pointed_at(*where)}"


class InternalError(TexprError, RuntimeError):
    """A bug in texpr itself."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}; this is a bug in texpr, please report it with the program")


def pointed_at(file: str, line: int, text: str, column: int, end: int | None) -> str:
    """Return a line of source with carets under its columns from ``column`` up to ``end``.

    Columns count characters from 1, as those of a SyntaxError do.

    >>> print(pointed_at("/home/me/f.py", 3, "    A[i] = B", 12, 13))
      f.py:3
        A[i] = B
               ^
    """
    source = text.rstrip()
    indent = len(source) - len(source.lstrip())
    first = max(column - 1, indent)
    last = len(source) if end is None else min(end - 1, len(source))
    # A tab is as wide below as it is above.
    before = "".join("\t" if character == "\t" else " " for character in source[indent:first])
    carets = "^" * max(1, last - first)
    return f"  {Path(file).name}:{line}\n    {source.lstrip()}\n    {before}{carets}"


def shown(value: object) -> str:
    """Return ``repr(value)`` on one line, cut where it is long.

    >>> shown(["a" * 100])
    "['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string.

    >>> did_you_mean("lvm", ["llvm", "cuda"])
    "; did you mean 'llvm'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
