"""What tensor expressions use of ``tvm.runtime``."""

from __future__ import annotations

from typing import Any

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.devices import Device, device
from texpr.compat.tvm.module import Module, load_module
from texpr.compat.tvm.nd import NDArray
from texpr.ir.expr import as_expr

__all__ = ["Device", "Module", "NDArray", "convert", "device", "enabled", "load_module"]


def convert(value: Any) -> Any:
    """Return a Python number as a constant; lists and tuples element by element.

    >>> convert(1024)
    <int64 1024>
    """
    if isinstance(value, (list, tuple)):
        return type(value)(map(convert, value))
    return as_expr(value)


def enabled(target: str) -> bool:
    """Whether code for a target can be made and run here: of CPUs, and of no GPU.

    >>> enabled("llvm"), enabled("cuda")
    (True, False)
    """
    return target.split()[:1] == ["llvm"] or target == "cpu"


__getattr__ = getattr_of(__name__)
