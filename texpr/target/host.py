"""The machine itself, as far as the operating system tells: cores, caches, memory.

Nothing here asks LLVM; what only LLVM knows is in :mod:`texpr.target.llvm.query`. Every question
has an answer on every system: where nothing can be read, the stated default.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SYSFS_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Caches:
    """Sizes in bytes of the data caches that one core sees; 0 where a level does not exist."""

    l1d_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10
    l3_bytes: int = 0
    line_bytes: int = 64


# What is assumed where nothing can be read, and for targets that are not this machine: the least
# that a desktop or server core of the last ten years has. No third level, because a tile for
# a cache that is not there costs more than one that leaves a cache unused.
DEFAULT_CACHES = Caches()


def num_cores() -> int:
    """Return the number of cores that this process may use, at least 1.

    That is what its affinity mask and the quota of its control group allow.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = _cgroup_cores(CGROUP, OWN_CGROUP)
    return max(1, allowed if quota is None else min(allowed, quota))


def _cgroup_cores(root: Path, own: Path) -> int | None:
    """Return the least quota of a process's control groups in cores, None where there is none.

    A quota of two and a half cores counts as three: two threads would leave a half unused.
    """
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # no Linux, or no control groups
        return None
    # The line of version 2 is "0::/path"; a container sees its own group as the root.
    group = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    parts = group.split("/") if group else []
    quotas = []
    for depth in range(len(parts) + 1):
        file = root.joinpath(*parts[:depth]) / "cpu.max"
        try:
            quota, period = file.read_text(encoding="ascii").split()
            quotas.append(-(-int(quota) // int(period)))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(quotas, default=None)


@cache
def caches() -> Caches:
    """Return the caches of the first core."""
    return (
        _sysfs_caches(SYSFS_CACHES)
        or _sysconf_caches()
        or (_darwin_caches() if sys.platform == "darwin" else None)
        or DEFAULT_CACHES
    )


def memory_bytes() -> int | None:
    """Return the main memory of the machine, None where the system does not say."""
    if sys.platform == "darwin":
        return _sysctl_int("hw.memsize")
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # no sysconf, or no such name
        return None


def cpu_brand(cpuinfo: Path = CPUINFO) -> str:
    """Return the processor's name as its maker sells it, for reports only."""
    if sys.platform == "darwin":
        return _sysctl_text("machdep.cpu.brand_string") or platform.machine()
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip().lower() in ("model name", "cpu model", "uarch") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def _sysfs_caches(folder: Path) -> Caches | None:
    """Read the tables of Linux: one folder ``index<n>`` a cache, each with a file a property."""
    sizes: dict[int, int] = {}
    line_bytes = DEFAULT_CACHES.line_bytes
    for index in sorted(folder.glob("index[0-9]*")):
        try:
            kind = (index / "type").read_text(encoding="ascii").strip()
            level = int((index / "level").read_text(encoding="ascii"))
            size = parse_size((index / "size").read_text(encoding="ascii").strip())
            line = int((index / "coherency_line_size").read_text(encoding="ascii"))
        except (OSError, ValueError):  # containers and emulators leave some of the files out
            continue
        if kind != "Instruction" and size > 0:
            sizes[level] = size
            line_bytes = line or line_bytes
    return _caches(sizes, line_bytes)


def _sysconf_caches() -> Caches | None:
    """Ask glibc, which reads the processor's own registers where sysfs is hidden."""
    names = {1: "SC_LEVEL1_DCACHE_SIZE", 2: "SC_LEVEL2_CACHE_SIZE", 3: "SC_LEVEL3_CACHE_SIZE"}
    sizes = {level: _sysconf(name) for level, name in names.items()}
    line = _sysconf("SC_LEVEL1_DCACHE_LINESIZE") or DEFAULT_CACHES.line_bytes
    return _caches(sizes, line)


def _darwin_caches() -> Caches | None:
    # Apple's chips have two kinds of core; perflevel0 is the fast one, absent on Intel's.
    level1 = _sysctl_int("hw.perflevel0.l1dcachesize") or _sysctl_int("hw.l1dcachesize") or 0
    level2 = _sysctl_int("hw.perflevel0.l2cachesize") or _sysctl_int("hw.l2cachesize") or 0
    level3 = _sysctl_int("hw.l3cachesize") or 0
    line = _sysctl_int("hw.cachelinesize") or DEFAULT_CACHES.line_bytes
    return _caches({1: level1, 2: level2, 3: level3}, line)


def _caches(sizes: dict[int, int], line_bytes: int) -> Caches | None:
    """Return the caches of the given sizes by level; None where not even the first is known."""
    if not sizes.get(1):
        return None
    return Caches(sizes[1], sizes.get(2, 0), sizes.get(3, 0), line_bytes)


def parse_size(text: str) -> int:
    """Return a number of bytes, written plainly or in K, M or G of 1024.

    >>> parse_size("48K"), parse_size("64")
    (49152, 64)

    Raises
    ------
    ValueError
        ``text`` is no size.
    """
    unit = _UNITS.get(text[-1:].upper())
    digits = text[:-1] if unit else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"size: {text!r} is not a number of bytes; write it like 32768 or 32K")
    return int(digits) * (unit or 1)


def _sysconf(name: str) -> int:
    try:
        return max(0, os.sysconf(name))
    except (AttributeError, OSError, ValueError):  # no sysconf, or no such name
        return 0


def _sysctl_int(name: str) -> int | None:
    raw = _sysctl(name)
    return int.from_bytes(raw, "little") if raw else None


def _sysctl_text(name: str) -> str | None:
    raw = _sysctl(name)
    return raw.rstrip(b"\0").decode(errors="replace") if raw else None


def _sysctl(name: str) -> bytes | None:
    """Return the raw value of a macOS system variable, None where there is none of the name."""
    library = ctypes.util.find_library("c")
    if library is None:
        return None
    function = getattr(ctypes.CDLL(library), "sysctlbyname", None)
    if function is None:
        return None
    buffer = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(buffer))
    failed = function(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else buffer.raw[: size.value]
