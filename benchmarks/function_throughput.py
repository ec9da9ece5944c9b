"""How fast functions and reductions run beside NumPy's, one thread each, as ratios in one run.

Above 1, texpr is faster. torch's are there, too, where it is installed.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import texpr
from texpr import te
from texpr.ir.intrinsics import INTRINSICS

try:
    import torch
except ImportError:
    torch = None

SIZES = {"1M": 1 << 20, "16M": 1 << 24}
LANES = 16
ROW = 1024
NUMPYS = (
    "exp", "tanh", "log", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
)  # fmt: skip
Run = Callable[[], Any]


def seconds(runs: dict[str, Run], repeat: int) -> dict[str, float]:
    """Return the least time of each; they take turns, so that all see the same machine."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeat):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def elementwise(rule: Callable[..., Any], n: int, arity: int = 1) -> texpr.Kernel:
    """Return a kernel of one vectorized loop."""
    args = [te.placeholder((n,), name="X") for _ in range(arity)]
    Y = te.compute((n,), lambda i: rule(*(X[i] for X in args)), name="Y")
    s = te.create_schedule(Y.op)
    s[Y].vectorize(Y.op.axis[0], LANES)
    return texpr.build(s, [*args, Y])


def pairwise(rule: Callable[[Any, Any], Any], n: int, dtype: str) -> texpr.Kernel:
    """Return a kernel of one vectorized loop over two arrays."""
    X, Z = te.placeholder((n,), dtype, name="X"), te.placeholder((n,), dtype, name="Z")
    Y = te.compute((n,), lambda i: rule(X[i], Z[i]), name="Y")
    s = te.create_schedule(Y.op)
    s[Y].vectorize(Y.op.axis[0], LANES)
    return texpr.build(s, [X, Z, Y])


def operators(n: int) -> dict[str, dict[str, Run]]:
    """Return for operators of two floats who computes them, on ``n`` elements."""
    found: dict[str, dict[str, Run]] = {}
    for dtype in ("float32", "float64"):
        rng = np.random.default_rng(0)
        x, z = (rng.uniform(*ends, n).astype(dtype) for ends in ((0, 4), (-4, 4)))
        for name, rule, theirs in (
            ("x ** y", operator.pow, np.power),
            ("fmod", te.fmod, np.fmod),
            ("x % y", operator.mod, np.remainder),
        ):
            kernel, y = pairwise(rule, n, dtype), np.empty_like(x)
            found[f"{name} of {dtype}"] = {
                "texpr": lambda kernel=kernel, x=x, z=z, y=y: kernel(x, z, y),
                "numpy": lambda theirs=theirs, x=x, z=z, y=y: theirs(x, z, out=y),
            }
            if torch is not None:
                a, b = torch.from_numpy(x), torch.from_numpy(z)
                function = {"x ** y": torch.pow, "fmod": torch.fmod, "x % y": torch.remainder}[name]
                found[f"{name} of {dtype}"]["torch"] = lambda f=function, a=a, b=b: f(a, b)
    return found


def gelu(x: Any) -> Any:
    """``x * Phi(x)``, as transformers have it."""
    return x * 0.5 * (1.0 + te.erf(x * 0.5**0.5))


def softmax(m: int, n: int) -> texpr.Kernel:
    """Return a kernel of rows: the maximum, the powers, their sum, and the quotients."""
    X = te.placeholder((m, n), name="X")
    k, r = te.reduce_axis((0, n), name="k"), te.reduce_axis((0, n), name="r")
    top = te.compute((m,), lambda i: te.max(X[i, k], axis=k), name="top")
    power = te.compute((m, n), lambda i, j: te.exp(X[i, j] - top[i]), name="power")
    total = te.compute((m,), lambda i: te.sum(power[i, r], axis=r), name="total")
    Y = te.compute((m, n), lambda i, j: power[i, j] / total[i], name="Y")
    s = te.create_schedule(Y.op)
    i, j = Y.op.axis
    s[Y].vectorize(j, LANES)
    for stage, axis in ((total, r), (power, power.op.axis[1]), (top, k)):
        s[stage].compute_at(s[Y], i)
        s[stage].vectorize(axis, LANES)
    return texpr.build(s, [X, Y])


def numpy_softmax(x: np.ndarray, y: np.ndarray) -> None:
    """Write the softmax of the rows of ``x`` to ``y``, without temporaries of its size."""
    np.subtract(x, x.max(axis=1, keepdims=True), out=y)
    np.exp(y, out=y)
    y /= y.sum(axis=1, keepdims=True)


def numpy_sigmoid(x: np.ndarray, y: np.ndarray) -> None:
    """Write ``1 / (1 + exp(-x))`` to ``y``."""
    np.negative(x, out=y)
    np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)


def functions(n: int) -> dict[str, dict[str, Run]]:
    """Return for each function who computes it, on ``n`` elements."""
    x = np.random.default_rng(0).uniform(-4, 4, n).astype("float32")
    positive, sine = np.abs(x), x / 4
    y = np.empty_like(x)
    found: dict[str, dict[str, Run]] = {}

    def add(name: str, kernel: texpr.Kernel, given: np.ndarray, **others: Run) -> None:
        made = y.reshape(given.shape)
        found[name] = {"texpr": lambda: kernel(given, made), **others}

    def by_torch(name: str, function: Callable[[Any], Any], given: np.ndarray) -> None:
        if torch is not None:
            tensor = torch.from_numpy(given)
            found[name]["torch"] = lambda: function(tensor)

    domains = {"log": positive, "log2": positive, "asin": sine, "acos": sine}
    for name in NUMPYS:
        given, function = domains.get(name, x), INTRINSICS[name].numpy
        kernel = elementwise(getattr(te, name), n)
        add(name, kernel, given, numpy=lambda f=function, given=given: f(given, out=y))
    angle, other = elementwise(te.atan2, n, arity=2), x[::-1].copy()
    found["atan2"] = {
        "texpr": lambda: angle(x, other, y),
        "numpy": lambda: np.arctan2(x, other, out=y),
    }
    add("sigmoid", elementwise(te.sigmoid, n), x, numpy=lambda: numpy_sigmoid(x, y))
    add("gelu (erf)", elementwise(gelu, n), x)
    rows = x.reshape(-1, ROW)
    add(
        f"softmax of rows of {ROW}", softmax(*rows.shape), rows,
        numpy=lambda: numpy_softmax(rows, y.reshape(rows.shape)),
    )  # fmt: skip
    if torch is not None:
        for name in ("exp", "tanh", "log", "log2", "sigmoid"):
            by_torch(name, getattr(torch, name), positive if "log" in name else x)
        by_torch("gelu (erf)", torch.nn.functional.gelu, x)
        by_torch(f"softmax of rows of {ROW}", lambda t: torch.softmax(t, 1), rows)
    return found


def reductions(n: int) -> dict[str, dict[str, Run]]:
    """Return for each reduction of ``n`` elements who computes it; "default" is not scheduled."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=n).astype("float32") for _ in range(2))
    matrix = a.reshape(-1, ROW)
    out, column = np.empty((), "float32"), np.empty(len(matrix), "float32")
    X, Z = te.placeholder((n,), name="X"), te.placeholder((n,), name="Z")
    M, V = te.placeholder(matrix.shape, name="M"), te.placeholder((ROW,), name="V")
    k, r = te.reduce_axis((0, n), name="k"), te.reduce_axis((0, ROW), name="r")
    total = te.compute((), lambda: te.sum(X[k], axis=k), name="total")
    dot = te.compute((), lambda: te.sum(X[k] * Z[k], axis=k), name="dot")
    top = te.compute((), lambda: te.max(X[k], axis=k), name="top")
    product = te.compute((len(matrix),), lambda i: te.sum(M[i, r] * V[r], axis=r), name="product")

    def made(tensor: te.Tensor, args: list[te.Tensor], axis: Any, *arrays: Any) -> dict[str, Run]:
        runs: dict[str, Run] = {}
        for name in ("texpr", "default"):
            s = te.create_schedule(tensor.op)
            if name == "texpr":
                s[tensor].vectorize(axis, LANES)
            kernel = texpr.build(s, [*args, tensor])
            runs[name] = lambda kernel=kernel: kernel(*arrays)
        return runs

    return {
        "sum": {**made(total, [X], k, a, out), "numpy": a.sum},
        "max": {**made(top, [X], k, a, out), "numpy": a.max},
        "dot": {**made(dot, [X, Z], k, a, b, out), "numpy": lambda: a @ b},
        f"matrix of rows of {ROW} by vector": {
            **made(product, [M, V], r, matrix, b[:ROW], column),
            "numpy": lambda: np.dot(matrix, b[:ROW], out=column),
        },
    }


def main() -> None:
    """Print a table."""
    with threadpool_limits(1):
        if torch is not None:
            torch.set_num_threads(1)
        for size, n in SIZES.items():
            for name, runs in {**functions(n), **operators(n), **reductions(n)}.items():
                times = seconds(runs, repeat=9 if n > 1 << 20 else 25)
                ours = times.pop("texpr")
                ratios = "  ".join(f"{who} {t / ours:.2f}" for who, t in times.items())
                print(f"{size:>4} {name:32} {ours / n * 1e9:6.3f} ns an element  {ratios}")


if __name__ == "__main__":
    main()
