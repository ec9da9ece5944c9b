"""Activations: functions of one number, as expressions and by NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import TexprError, did_you_mean
from texpr.ir.expr import Expr
from texpr.ops.arrays import Array

_CUBIC: Final = 0.044715
"""Of the approximation of gelu: D. Hendrycks and K. Gimpel, arXiv:1606.08415, section 2."""


@dataclass(frozen=True, slots=True)
class Activation:
    """What is computed for an element, and the same by NumPy."""

    rule: Callable[[Expr], Expr]
    reference: Callable[[Array], Array]


def gelu_rule(x: Expr) -> Expr:
    """``x / 2 * (1 + erf(x / sqrt(2)))``."""
    return x * 0.5 * (1.0 + te.erf(x * math.sqrt(0.5)))


def gelu_tanh_rule(x: Expr) -> Expr:
    """``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``."""
    inner = x * (1.0 + x * x * _CUBIC) * math.sqrt(2 / math.pi)
    return x * 0.5 * (1.0 + te.tanh(inner))


def gelu_reference(x: Array) -> Array:
    """Return gelu by Python's erf, an element at a time."""
    erf = np.array([math.erf(v * math.sqrt(0.5)) for v in x.ravel().tolist()]).reshape(x.shape)
    return np.asarray((x * 0.5 * (1 + erf)).astype(x.dtype))


def gelu_tanh_reference(x: Array) -> Array:
    """Return the approximation by NumPy's tanh."""
    inner = x * (1 + x * x * x.dtype.type(_CUBIC)) * x.dtype.type(math.sqrt(2 / math.pi))
    return np.asarray(x * x.dtype.type(0.5) * (1 + np.tanh(inner)))


def _sigmoid_reference(x: Array) -> Array:
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and 1 / inf is right
        return np.asarray(1 / (1 + np.exp(-x)))


ACTIVATIONS: Final[dict[str, Activation]] = {
    "none": Activation(lambda x: x, lambda x: x),
    "relu": Activation(lambda x: te.max(x, 0), lambda x: np.maximum(x, 0)),
    "gelu": Activation(gelu_rule, gelu_reference),
    "gelu_tanh": Activation(gelu_tanh_rule, gelu_tanh_reference),
    "tanh": Activation(te.tanh, np.tanh),
    "sigmoid": Activation(te.sigmoid, _sigmoid_reference),
}


def activation(name: Any) -> Activation:
    """Return the activation of a name; None is none.

    Raises
    ------
    TexprError
        There is none of the name.

    >>> activation("rely")
    Traceback (most recent call last):
    texpr.errors.TexprError: unknown activation 'rely'; did you mean 'relu'?
    """
    found = ACTIVATIONS.get("none" if name is None else name) if _is_name(name) else None
    if found is None:
        near = did_you_mean(str(name), ACTIVATIONS) or f"; there are {', '.join(ACTIVATIONS)}"
        raise TexprError(f"unknown activation {name!r}{near}")
    return found


def _is_name(name: Any) -> bool:
    return name is None or isinstance(name, str)
