"""The threads of parallel loops: whose they are, and how many of them there may be.

The threads are those of an OpenMP runtime, the one that is in the process already if there is
one: two runtimes would keep two sets of threads that take the cores from one another. It is
looked for when the first kernel with a parallel loop is built, or somebody asks how many threads
there are.

All kernels of a process share one budget, two numbers in memory that machine code changes
atomically: how many threads there may be, and how many are at work. A caller that finds the
budget used up runs its loop alone; nobody waits for anybody, so nothing can lock up.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import operator
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import threadpoolctl

from texpr import config
from texpr.errors import ConfigError, TexprError, shown
from texpr.target import host

FUNCTIONS: Final = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
"""What machine code calls of a runtime."""

BUDGET: Final = "texpr.threads"
"""The symbol of two numbers of 64 bits: threads that there may be, threads at work.

No kernel is called so, as its name has no dot."""

HOW_TO_GET_ONE: Final = (
    "pip install 'texpr[threads]' (x86-64), or the system's package of GCC's runtime "
    "(libgomp1, libgomp), or Homebrew's libomp"
)

# GCC's first: an Intel or LLVM runtime ends the process when a second one of that family, which
# some other package may bring, is loaded after it.
_NAMES: Final = {
    "linux": ("libgomp.so.1", "libiomp5.so", "libomp.so"),
    "darwin": (
        "libomp.dylib",
        "/opt/homebrew/opt/libomp/lib/libomp.dylib",
        "/usr/local/opt/libomp/lib/libomp.dylib",
    ),
    "win32": ("libgomp-1.dll",),  # Intel's and LLVM's lack GOMP_parallel on Windows
}
_PACKAGE: Final = "intel-openmp"


@dataclass(frozen=True)
class Runtime:
    """An OpenMP runtime in this process."""

    path: str
    symbols: Mapping[str, int]
    """The addresses of ``FUNCTIONS``."""

    @property
    def version(self) -> str | None:
        """The version of the package that it came with, None where that is not known."""
        return importlib.metadata.version(_PACKAGE) if self.path in _of_package() else None


FORKED: Final = "the process was forked from one that had an OpenMP runtime, whose threads are gone"
NOT_FOUND: Final = "no OpenMP runtime was found"


class _Process:
    """What this process knows of its threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.budget = (ctypes.c_int64 * 2)(1, 0)
        self.asked: int | None = None
        self.runtime: Runtime | None = None
        self.is_looked_for = False
        self.is_forked = False
        self.is_warned = False
        self.why_serial: str | None = None

    def refresh(self) -> int:
        """Put the number of threads there may be into the budget, and return it."""
        count = 1
        if self.why_serial is None:
            count = self.asked or config.num_threads() or host.num_cores()
        self.budget[0] = count
        return count

    def look_for_runtime(self) -> None:
        wanted, loaded = config.openmp(), list(_loaded())
        if wanted == "none":
            self.why_serial = f"{config.OPENMP.name} says none"
        elif loaded and (self.is_forked or _is_forked_worker()):
            self.why_serial = FORKED
        elif wanted is not None:
            self.runtime = _load(wanted)
            if self.runtime is None:
                raise ConfigError(
                    f"{config.OPENMP.name}: {wanted!r} is no library with {', '.join(FUNCTIONS)}; "
                    f"name an OpenMP runtime such as libgomp.so.1, or unset it"
                )
        else:
            first, *others = _NAMES.get(sys.platform, _NAMES["linux"])
            found = map(_load, (*loaded, first, *_of_package(), *others))
            self.runtime = next((each for each in found if each is not None), None)
            if self.runtime is None:
                self.why_serial = NOT_FOUND
        self.is_looked_for = True

    def after_fork(self) -> None:
        """Give up the threads, which a fork does not copy.

        GCC's runtime waits for them forever once they are gone.
        """
        self.lock = threading.Lock()
        self.is_forked = True
        self.budget[1] = 0
        if self.runtime is not None:
            self.runtime, self.why_serial = None, FORKED
            self.refresh()


_process = _Process()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.after_fork)


def set_num_threads(num_threads: int) -> None:
    """Set how many threads the parallel loops of this process may use together.

    It holds from the next parallel loop on, for every kernel and every Python thread. More than
    there are cores is allowed, and seldom good.

    Parameters
    ----------
    num_threads : int
        At least 1; 1 runs every loop on the thread that calls.

    Raises
    ------
    TexprError
        No int, or out of range.

    >>> set_num_threads(0)
    Traceback (most recent call last):
    texpr.errors.TexprError: set_num_threads: 0 is not a number of threads; pass an int from 1 ...
    """
    try:
        count = -1 if isinstance(num_threads, bool) else operator.index(num_threads)
    except TypeError:
        count = -1
    if not 1 <= count <= config.MAX_THREADS:
        raise TexprError(
            f"set_num_threads: {shown(num_threads)} is not a number of threads; "
            f"pass an int from 1 to {config.MAX_THREADS}"
        )
    _process.asked = count
    _process.refresh()


# What runs after this, such as a __del__, has the GIL for itself: a function of Python's that
# another thread of a loop called would wait for it for ever.
atexit.register(set_num_threads, 1)


def get_num_threads() -> int:
    """Return how many threads the parallel loops of this process may use together.

    What :func:`set_num_threads` set, else ``OMP_NUM_THREADS``, else the number of cores that the
    process may use. It is 1 where there is no runtime, or in a process that was forked from one
    that had a runtime.

    Raises
    ------
    ConfigError
        ``OMP_NUM_THREADS`` or ``TEXPR_OPENMP`` says nothing that makes sense.

    >>> 1 <= get_num_threads() <= 1024
    True
    """
    runtime()
    return _process.refresh()


def threads_in_force() -> int:
    """Return how many threads the next parallel loop may use, as machine code sees it.

    Unlike :func:`get_num_threads` it does not look at the system again, and costs nothing.
    """
    return _process.budget[0] if _process.is_looked_for else get_num_threads()


def threads_at_work() -> int:
    """Return how many threads are in parallel loops now, callers included."""
    return _process.budget[1]


def runtime() -> Runtime | None:
    """Return the OpenMP runtime, loaded if need be; None where parallel loops run serially.

    Raises
    ------
    ConfigError
        ``TEXPR_OPENMP`` names none.
    """
    with _process.lock:
        if not _process.is_looked_for:
            _process.look_for_runtime()
        return _process.runtime


def why_serial() -> str | None:
    """Return why every parallel loop runs serially, None where it does not."""
    runtime()
    return _process.why_serial


def symbols() -> Mapping[str, int] | None:
    """Return what machine code with parallel loops is linked to; None if it is to have none.

    That no runtime was found is warned of once.
    """
    found = runtime()
    _process.refresh()
    if found is not None:
        return {**found.symbols, BUDGET: ctypes.addressof(_process.budget)}
    if _process.why_serial == NOT_FOUND and not _process.is_warned:
        _process.is_warned = True
        warnings.warn(
            f"parallel loops run serially: {NOT_FOUND}; get one with {HOW_TO_GET_ONE}",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def _loaded() -> Iterator[str]:
    """The OpenMP runtimes that are in this process already."""
    for library in threadpoolctl.threadpool_info():
        if library["user_api"] == "openmp":
            yield library["filepath"]


def _of_package() -> tuple[str, ...]:
    """The runtime of PyPI's package, where that is installed."""
    try:
        files = importlib.metadata.files(_PACKAGE) or ()
    except importlib.metadata.PackageNotFoundError:
        return ()
    names = ("libiomp5.so", "libiomp5.dylib")
    return tuple(str(Path(f.locate()).resolve()) for f in files if f.name in names)


def _load(name: str) -> Runtime | None:
    """Load a library; None where it is not there or is no such runtime."""
    try:
        library = ctypes.CDLL(name)
        found = {f: ctypes.cast(library[f], ctypes.c_void_p).value for f in FUNCTIONS}
    except (OSError, AttributeError):
        return None
    path = name
    if Path(name).name == name:  # the system knew where it is
        path = next((each for each in _loaded() if Path(each).name.startswith(name)), name)
    return Runtime(path, {f: address for f, address in found.items() if address is not None})


def _is_forked_worker() -> bool:
    """Whether multiprocessing forked this process, maybe before texpr was imported."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return False
    return not any("multiprocessing" in word for word in sys.orig_argv)
