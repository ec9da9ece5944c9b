"""Every environment variable that texpr reads: its meaning, its values, its check.

A variable is read when it is used, never at import, so that a test or a notebook may change it.
``texpr config`` prints the table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from texpr.errors import ConfigError, did_you_mean

PREFIX = "TEXPR_"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, the value it has when unset, and what it does."""

    name: str
    default: str
    meaning: str

    def text(self, environ: Mapping[str, str] | None = None) -> str:
        """Return the value in force, surrounding blanks removed; set but empty means unset."""
        if environ is None:
            if _is_unset(self.name):
                return self.default
            environ = os.environ
        return environ.get(self.name, "").strip() or self.default


DEBUG = Variable(
    "TEXPR_DEBUG",
    "0",
    "what a build prints to stderr: 1 the time of each stage, 2 also the scheduled program, "
    "3 also the program after each stage that changed it, 4 also LLVM and assembly, "
    "5 also isl's sets",
)
DUMP = Variable("TEXPR_DUMP", "", "directory into which each stage of a build is written")
VERIFY = Variable(
    "TEXPR_VERIFY",
    "0",
    "what a kernel checks beyond the usual: 2 compares each call with the reference interpreter "
    "where the schedule assumes something, 3 always",
)
TARGET = Variable("TEXPR_TARGET", "llvm", "what code is made for unless a call says otherwise")

NUM_THREADS = Variable(
    "OMP_NUM_THREADS",
    "",
    "threads that the parallel loops of a process share, unless `texpr.set_num_threads` says "
    "otherwise; as many as the cores it may use where unset",
)
THREAD_WORK = Variable(
    "TEXPR_THREAD_WORK",
    "32768",
    "operations that make another thread worth while in a parallel loop of a kernel built now; "
    "1 lets every loop use threads",
)
OPENMP = Variable(
    "TEXPR_OPENMP",
    "",
    "file of the OpenMP runtime whose threads run parallel loops, or `none`; found by itself "
    "where unset",
)

VARIABLES = (DEBUG, DUMP, VERIFY, TARGET, NUM_THREADS, THREAD_WORK, OPENMP)

MAX_THREADS = 1024
"""More than any machine of one memory has cores; a runtime ends the process if it gets none."""


def debug_level() -> int:
    """Return how much a build says about itself, 0 (nothing) to 5."""
    return _level(DEBUG, 5)


def verify_level() -> int:
    """Return how much a kernel checks itself, 0 (nothing beyond the usual) to 3."""
    return _level(VERIFY, 3)


def dump_dir() -> Path | None:
    """Return the directory for the stages of a build, made if need be; None where unset.

    Raises
    ------
    ConfigError
        There is no such directory and none can be made.
    """
    text = DUMP.text()
    if not text:
        return None
    path = Path(text).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{DUMP.name}: cannot make the directory {text!r} ({error.strerror}); "
            f"name one that can be written, or unset it"
        ) from error
    return path


def default_target() -> str:
    """Return the text of the target that is used where none is named."""
    return TARGET.text()


def num_threads() -> int | None:
    """Return how many threads parallel loops may use, None where nothing is said."""
    text = NUM_THREADS.text()
    if not text:
        return None
    first = text.split(",")[0].strip()  # the others are for loops inside parallel loops
    return _number(NUM_THREADS, first, MAX_THREADS)


def thread_work() -> int:
    """Return the number of operations that is worth a thread."""
    return _number(THREAD_WORK, THREAD_WORK.text(), 1 << 60)


def openmp() -> str | None:
    """Return the file of the OpenMP runtime, ``"none"``, or None where nothing is said."""
    return OPENMP.text() or None


def unknown_variables(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return a line for each ``TEXPR_…`` that is set and that texpr does not read.

    >>> unknown_variables({"TEXPR_DEBGU": "1", "PATH": "/bin"})
    ("TEXPR_DEBGU is not read; did you mean 'TEXPR_DEBUG'?",)
    """
    known = [variable.name for variable in VARIABLES]
    # The prefix alone makes any two of them alike.
    own = [name.removeprefix(PREFIX) for name in known]
    names = os.environ if environ is None else environ
    return tuple(
        f"{name} is not read"
        f"{did_you_mean(name, known) if did_you_mean(name.removeprefix(PREFIX), own) else ''}"
        for name in sorted(names)
        if name.startswith(PREFIX) and name not in known
    )


def table(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Return a row ``(name, value in force, meaning)`` for each variable.

    >>> for row in table({"TEXPR_DEBUG": "2"}):
    ...     print(row[:2])
    ('TEXPR_DEBUG', '2')
    ('TEXPR_DUMP', '')
    ('TEXPR_VERIFY', '0')
    ('TEXPR_TARGET', 'llvm')
    ('OMP_NUM_THREADS', '')
    ('TEXPR_THREAD_WORK', '32768')
    ('TEXPR_OPENMP', '')
    """
    return [(variable.name, variable.text(environ), variable.meaning) for variable in VARIABLES]


_encoded = cache(os.environ.encodekey)


def _is_unset(name: str) -> bool:
    """Whether a variable is not there, asked of the dict that Python has behind ``os.environ``.

    Every call of an operator asks for ``TEXPR_TARGET``, and ``os.environ.get`` takes six times as
    long: it raises two exceptions to say so. False where there is no such dict.
    """
    kept = getattr(os.environ, "_data", None)
    return kept is not None and _encoded(name) not in kept


def _level(variable: Variable, highest: int) -> int:
    text = variable.text()
    if not (text.isascii() and text.isdigit()) or int(text) > highest:
        raise ConfigError(
            f"{variable.name}: {text!r} is not a level; set a whole number from 0 to {highest}"
        )
    return int(text)


def _number(variable: Variable, text: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= highest:
        raise ConfigError(
            f"{variable.name}: {text!r} is not a number from 1 to {highest}; set one, or unset it"
        )
    return int(text)
