"""What is here: versions, processor, caches, optional packages, variables in force."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from texpr import config, te
from texpr.driver import build
from texpr.errors import InternalError, TexprError
from texpr.target import host, threads
from texpr.target.llvm import query
from texpr.target.target import Target
from texpr.version import __version__

# Features worth a reader's attention, of the hundred that LLVM knows.
_VECTOR_FEATURE = re.compile(
    r"(sse4\.2|avx|avx2|fma|f16c|avx512.*|avx10.*|avxvnni|amx-tile|neon|sve2?|dotprod|bf16|i8mm"
    r"|fullfp16|v|zvfh)"
)

_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*(?:;.*\bextra\s*==\s*["']([\w-]+)["'])?""")

DISTRIBUTION = "texpr"


@dataclass(frozen=True)
class Problem:
    """Something missing or wrong, and the line that mends it."""

    what: str
    fix: str
    is_fatal: bool = False


@dataclass(frozen=True)
class Report:
    """Everything that ``texpr doctor`` says."""

    versions: dict[str, str]
    machine: dict[str, str | int | None]
    features: list[str]
    target: str
    environment: dict[str, str]
    build_ms: float | None = None
    """Time to build and run a kernel that adds one to each of eight numbers; None: it failed."""
    extras: dict[str, bool] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_fatal(self) -> bool:
        """Whether no kernel can be built."""
        return any(problem.is_fatal for problem in self.problems)


def examine(requirements: Iterable[str] | None = None) -> Report:
    """Look at this machine and this installation.

    Parameters
    ----------
    requirements : iterable of str, optional
        Packages and extras as a package's metadata lists them; texpr's unless given.
    """
    problems: list[Problem] = []
    target: Target | None = None
    try:
        target = Target.host()
    except TexprError as error:
        problems.append(Problem(str(error), "use a machine with one of them", is_fatal=True))
    text = "none"
    try:
        text = str(Target.of(None))
    except TexprError as error:
        problems.append(_wrong_variable(error))
    for read in (config.debug_level, config.verify_level, config.dump_dir, config.thread_work):
        try:
            read()
        except TexprError as error:
            problems.append(_wrong_variable(error))
    problems += [Problem(line, "unset it") for line in config.unknown_variables()]
    openmp = _openmp(problems)

    build_ms: float | None = None
    try:
        build_ms = _build_ms()
    except TexprError as error:
        why = str(error)
        if all(one.what != why for one in problems):
            problems.append(Problem(why, "see the first problem"))
        problems = [replace(p, is_fatal=p.is_fatal or p.what == why) for p in problems]

    if requirements is None:
        try:
            requirements = importlib.metadata.requires(DISTRIBUTION) or ()
        except importlib.metadata.PackageNotFoundError:
            requirements = ()
            problems.append(Problem("texpr runs from a folder, not installed", "pip install ."))
    missing = missing_packages(requirements)
    for extra, packages in missing.items():
        if packages:
            what = f"extra {extra!r}: {', '.join(packages)} not installed"
            problems.append(Problem(what, f"pip install 'texpr[{extra}]'"))

    return Report(
        versions=_versions(),
        machine={**_machine(target), "openmp": openmp},
        features=vector_features(query.host_features()),
        target=text,
        environment={
            name: value for name, value in sorted(os.environ.items()) if _concerns_us(name)
        },
        build_ms=build_ms,
        extras={extra: not packages for extra, packages in missing.items()},
        problems=problems,
    )


def missing_packages(requirements: Iterable[str]) -> dict[str, list[str]]:
    """Return the packages of each extra that are not installed.

    >>> missing_packages(["numpy>=1.24", 'no-such-package>=1; extra == "plot"'])
    {'plot': ['no-such-package']}
    """
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found is None or found[2] is None:
            continue
        packages = missing.setdefault(found[2], [])
        try:
            importlib.metadata.version(found[1])
        except importlib.metadata.PackageNotFoundError:
            packages.append(found[1])
    return missing


def vector_features(features: str) -> list[str]:
    """Return the names of the vector extensions among LLVM's ``features``.

    >>> vector_features("+adx,+avx2,-avx512f,+fma")
    ['avx2', 'fma']
    """
    names = [item[1:] for item in features.split(",") if item.startswith("+")]
    return [name for name in names if _VECTOR_FEATURE.fullmatch(name)]


def _wrong_variable(error: TexprError) -> Problem:
    return Problem(str(error), "set the variable anew or unset it")


def _openmp(problems: list[Problem]) -> str | None:
    """Return the runtime of parallel loops, or why there is none; None where that is a problem."""
    try:
        runtime = threads.runtime()
        if runtime is not None:
            version = f" {runtime.version}" if runtime.version else ""
            return f"{runtime.path}{version}, up to {threads.get_num_threads()} threads"
    except TexprError as error:
        problems.append(_wrong_variable(error))
        return None
    why = threads.why_serial()
    if why != threads.NOT_FOUND:
        return f"none: {why}"
    problems.append(Problem(f"parallel loops run serially: {why}", threads.HOW_TO_GET_ONE))
    return None


def _build_ms() -> float:
    """Build a kernel, run it, and return the time that took in ms.

    Raises
    ------
    InternalError
        The result is wrong.
    """
    start = time.perf_counter_ns()
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] + 1, name="B")
    add_one = build(te.create_schedule(B.op), [A, B], name="add_one")
    if add_one(np.arange(8, dtype=np.float32)).tolist() != list(range(1, 9)):
        raise InternalError("doctor: a kernel that adds one gives a wrong result")
    return (time.perf_counter_ns() - start) / 1e6


def _versions() -> dict[str, str]:
    return {
        "texpr": __version__,
        "Python": platform.python_version(),
        "NumPy": importlib.metadata.version("numpy"),
        **query.versions(),
        # The wheel brings an isl of its own, which does not say its version.
        "islpy": importlib.metadata.version("islpy"),
    }


def _machine(target: Target | None) -> dict[str, str | int | None]:
    caches = host.caches()
    return {
        "system": platform.platform(),
        "triple": query.process_triple(),
        "cpu": host.cpu_brand(),
        "llvm_cpu": query.host_cpu(),
        "num_cores": host.num_cores(),
        "vector_bits": target.vector_bits if target else None,
        "num_vector_registers": target.num_vector_registers if target else None,
        "l1d_bytes": caches.l1d_bytes,
        "l2_bytes": caches.l2_bytes,
        "l3_bytes": caches.l3_bytes,
        "line_bytes": caches.line_bytes,
        "memory_bytes": host.memory_bytes(),
    }


def _concerns_us(name: str) -> bool:
    """Whether a variable changes texpr, or the NumPy that it is compared with."""
    return name.startswith((config.PREFIX, "OPENBLAS_", "MKL_", "OMP_"))
