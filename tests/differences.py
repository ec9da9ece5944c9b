"""Compares derivatives with central differences, within an error that is worked out alongside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import texpr
from texpr import te
from texpr.ir.expr import Var

EPSILON = float(np.finfo("float64").eps)
STEP = EPSILON ** (1 / 3)
"""Where the error of the method, h**2, and that of rounding, eps/h, are alike."""

Arrays = Mapping[te.Tensor, np.ndarray]


def check_gradient(
    output: te.Tensor,
    inputs: Sequence[te.Tensor],
    arrays: Arrays,
    *,
    scalars: Mapping[Var, Any] | None = None,
    prefix: tuple[int, ...] | None = (),
    seed: int = 0,
) -> list[te.Tensor]:
    """Check ``te.gradient`` against differences of compiled values; return the gradients.

    ``prefix`` are the extents before the output's own of a head of random numbers; None takes no
    head and checks the Jacobian.
    """
    scalars = dict(scalars or {})
    value = texpr.build(te.create_schedule(output.op), [*scalars, *arrays, output])

    def at(changed: Arrays) -> np.ndarray:
        return np.asarray(value(*scalars.values(), *changed.values()))

    plain = at(arrays)
    extents = plain.shape if prefix is None else prefix
    head, head_array = None, np.eye(plain.size)
    given = dict(arrays)
    if prefix is not None:
        head = te.placeholder((*prefix, *output.shape), output.dtype, name="head")
        rng = np.random.default_rng(seed)
        given[head] = head_array = rng.normal(size=(*prefix, *plain.shape))
    found = te.gradient(output, inputs, head)
    # All of them, also what no derivative reads: sizes may follow from its shape alone.
    kernel = texpr.build(
        te.create_schedule([tensor.op for tensor in found]), [*scalars, *given, *found]
    )
    got = kernel(*scalars.values(), *given.values())
    for tensor, derivative in zip(inputs, got if len(found) > 1 else [got], strict=True):
        flat_head = head_array.reshape((*extents, plain.size))
        compare(at, arrays, tensor, flat_head, np.asarray(derivative))
    return found


def compare(
    at: Any, arrays: Arrays, tensor: te.Tensor, head: np.ndarray, derivative: np.ndarray
) -> None:
    """Check every element of ``derivative``, that of ``head @ at(arrays)`` by ``tensor``."""
    assert derivative.shape == (*head.shape[:-1], *arrays[tensor].shape)
    for cell in np.ndindex(*arrays[tensor].shape):
        values: dict[int, np.ndarray] = {}
        for steps in (-2, -1, 1, 2):
            moved = arrays[tensor].copy()
            moved[cell] += steps * STEP
            values[steps] = at({**arrays, tensor: moved}).ravel()
        near = head @ ((values[1] - values[-1]) / (2 * STEP))
        far = head @ ((values[2] - values[-2]) / (4 * STEP))
        # The error of the method grows with the square of the step: far's is four times near's.
        method = np.abs(near - far)
        rounding = np.abs(head) @ np.abs(values[1]) * 64 * EPSILON / STEP
        tolerance = method + rounding + 1e-9
        own = derivative[(..., *cell)]
        wrong = np.abs(own - near) > tolerance
        assert not np.any(wrong), (
            f"d {tensor.name}{list(cell)}: {own} is not {near}, within {tolerance}"
        )
