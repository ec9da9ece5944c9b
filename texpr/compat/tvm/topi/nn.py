"""What whole tensors can do of ``tvm.topi.nn``."""

from __future__ import annotations

from texpr import te
from texpr.compat.tvm.advice import getattr_of

__all__ = ["relu"]


def relu(x: te.Tensor) -> te.Tensor:
    """``max(x, 0)``, element by element."""
    return te.max(x, te.const(0, x.dtype))  # type: ignore[no-any-return]


__getattr__ = getattr_of(__name__)
