"""What a call of a ready operator takes on small arrays, beside NumPy doing the same.

The kernel is there already: what is measured is how it is found, checked and run, and the result
made.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from texpr import ops
from texpr.target.timing import elapsed_ns

SIZE = 8
ROUNDS, CALLS = 300, 200

Calls = dict[str, tuple[Callable[[], object], Callable[[], object]]]


def numpy_softmax(x: np.ndarray) -> np.ndarray:
    """Return the softmax of the rows of ``x``."""
    power = np.exp(x - x.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def numpy_gelu(x: np.ndarray) -> np.ndarray:
    """Return the gelu of ``x``, approximated by tanh."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x)))


def calls() -> Calls:
    """Return a call of texpr's and one of NumPy's for each operator."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(SIZE, SIZE)).astype("float32") for _ in range(2))
    stack, v, out = np.stack([a, b]), a[0].copy(), np.empty_like(a)
    return {
        "matmul": (lambda: ops.matmul(a, b), lambda: np.matmul(a, b)),
        "matmul, out given": (
            lambda: ops.matmul(a, b, out=out),
            lambda: np.matmul(a, b, out=out),
        ),
        "matmul, one transposed": (lambda: ops.matmul(a, b.T), lambda: np.matmul(a, b.T)),
        "batched_matmul of 2": (
            lambda: ops.batched_matmul(stack, stack),
            lambda: np.matmul(stack, stack),
        ),
        "gemv": (lambda: ops.gemv(a, v), lambda: np.matmul(a, v)),
        "dense, bias and relu": (
            lambda: ops.dense(a, b, v, activation="relu"),
            lambda: np.maximum(np.matmul(a, b) + v, 0),
        ),
        "softmax": (lambda: ops.softmax(a), lambda: numpy_softmax(a)),
        "gelu by tanh": (lambda: ops.gelu(a, approximate=True), lambda: numpy_gelu(a)),
    }


def measure_operator_calls() -> dict[str, tuple[float, float]]:
    """Return the least times of a call in ns, ours and NumPy's, which take turns."""
    times = {}
    for name, pair in calls().items():
        for call in pair:
            call()
        rounds = [[elapsed_ns(call, CALLS) / CALLS for call in pair] for _ in range(ROUNDS)]
        ours, theirs = map(min, zip(*rounds, strict=True))
        times[name] = ours, theirs
    return times


def main() -> None:
    """Print a table."""
    for name, (ours, theirs) in measure_operator_calls().items():
        print(f"{ours:8.0f} ns  {ours / theirs:5.2f} of NumPy's {theirs:6.0f} ns  {name}")


if __name__ == "__main__":
    main()
