"""Targets: TVM's class around :class:`texpr.Target`."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, NamedTuple

from texpr import config
from texpr.compat.tvm import stand_in
from texpr.compat.tvm.advice import getattr_of, missing
from texpr.errors import DTypeError, TargetError, shown
from texpr.target.target import Target as TexprTarget

__all__ = ["Target", "cuda", "opencl", "rocm", "metal", "vulkan"]

_entered: ContextVar[tuple[Target, ...]] = ContextVar("entered", default=())


class Kind(NamedTuple):
    """What a target is: ``name`` is its first word."""

    name: str


class Target:
    """What code is made for; a GPU is taken as this machine's CPU, with a warning.

    Parameters
    ----------
    target : str, mapping, texpr.Target or Target
        Such as ``"llvm -mcpu=znver3"``, or ``{"kind": "llvm", "mcpu": "znver3"}``.
    host : str, optional
        What calls the code: for code of a CPU, itself.

    Raises
    ------
    TargetError
        There is no such target.

    >>> Target("llvm").kind.name
    'llvm'
    """

    def __init__(self, target: object, host: object = None) -> None:
        text = _text(target)
        first = text.split(maxsplit=1)[0] if text.split() else ""
        self.kind = Kind(first)
        self.texpr = TexprTarget.host() if self.is_gpu else TexprTarget.parse(text)
        """What texpr makes of it."""
        self.host = None if host is None else Target(host)
        if self.is_gpu:
            stand_in.warn_once()

    @property
    def is_gpu(self) -> bool:
        """Whether the CPU stands in for it."""
        return self.kind.name in stand_in.KINDS

    @staticmethod
    def current(allow_none: bool = True) -> Target | None:
        """Return the target whose ``with`` block this is, None outside of all."""
        entered = _entered.get()
        if not entered and not allow_none:
            raise TargetError("Target.current: no target is set; write with Target('llvm'): …")
        return entered[-1] if entered else None

    def __enter__(self) -> Target:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *error: object) -> None:
        _entered.set(_entered.get()[:-1])

    def __str__(self) -> str:
        return self.kind.name if self.is_gpu else str(self.texpr)

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"

    def __getattr__(self, name: str) -> Any:
        raise missing("target.Target", name, dir(self))


def _text(target: object) -> str:
    if isinstance(target, (Target, TexprTarget)):
        return str(target)
    if isinstance(target, Mapping):
        flags = [f"-{name}={value}" for name, value in target.items() if name != "kind"]
        return " ".join([str(target.get("kind", "")), *flags])
    if not isinstance(target, str):
        raise DTypeError(f"Target: {shown(target)} is no target; write Target('llvm')")
    return target


def as_target(target: object) -> Target:
    """Return the target that a build means; the one of the ``with`` block where it says none."""
    if isinstance(target, Target):
        return target
    if target is not None:
        return Target(target)
    return Target.current() or Target(config.default_target())


cuda: Final = partial(Target, "cuda")
opencl: Final = partial(Target, "opencl")
rocm: Final = partial(Target, "rocm")
metal: Final = partial(Target, "metal")
vulkan: Final = partial(Target, "vulkan")

__getattr__ = getattr_of(__name__)
