"""Halide, with the schedules of its own matrix product and of its tutorials."""

from __future__ import annotations

import importlib.metadata
import math
from typing import Any, ClassVar

import numpy as np

from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array
from texpr.target.target import Target


class Halide(Peer):
    """Halide's just-in-time compiler for this machine."""

    name: ClassVar[str] = "halide"
    package: ClassVar[str] = "halide"

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        import halide

        self.hl: Any = halide
        self.target = halide.get_host_target()

    @classmethod
    def environment(cls, num_threads: int) -> dict[str, str]:
        return {"HL_NUM_THREADS": str(num_threads)}

    def versions(self) -> dict[str, str]:
        return {"halide": importlib.metadata.version("halide"), "target": str(self.target)}

    def gemm(self, a: Array, b: Array) -> Prepared:
        hl = self.hl
        own = Target.of(None)
        lanes = own.vector_lanes(str(a.dtype))
        # A tile that fills the registers, as in texpr's own schedule.
        columns, rows = 2 * lanes, max(4, (own.num_vector_registers - 3) // 2 // 2 * 2)
        out = np.empty((a.shape[0], b.shape[1]), a.dtype)
        if out.shape[0] < rows or out.shape[1] < columns:
            columns, rows, lanes = 1, 1, 1
        left, right = hl.Buffer(a), hl.Buffer(b)
        x, y, xi, yi = hl.Var("x"), hl.Var("y"), hl.Var("xi"), hl.Var("yi")
        k = hl.RDom([(0, a.shape[1])])
        total, result = hl.Func("total"), hl.Func("result")
        total[x, y] = hl.cast(left.type(), 0)
        total[x, y] += left[k, y] * right[x, k]
        result[x, y] = total[x, y]
        result.tile(x, y, xi, yi, columns, rows).vectorize(xi, lanes).unroll(xi).unroll(yi)
        result.parallel(y)
        total.compute_at(result, x).vectorize(x, lanes).unroll(x).unroll(y)
        total.update().reorder(x, y, k.x).vectorize(x, lanes).unroll(x).unroll(y)
        return self._compiled(result, out, left, right)

    def softmax(self, x: Array) -> Prepared:
        hl = self.hl
        lanes = Target.of(None).vector_lanes(str(x.dtype))
        given = hl.Buffer(x)
        j, i = hl.Var("j"), hl.Var("i")
        k = hl.RDom([(0, x.shape[1])])
        greatest, power, total, result = (hl.Func(name) for name in ("m", "e", "s", "result"))
        greatest[i] = hl.maximum(given[k, i])
        power[j, i] = hl.exp(given[j, i] - greatest[i])
        total[i] = hl.cast(given.type(), 0)
        total[i] += power[k, i]
        result[j, i] = power[j, i] / total[i]
        result.parallel(i)
        if x.shape[1] >= lanes:
            result.vectorize(j, lanes)
            power.vectorize(j, lanes)
        greatest.compute_at(result, i)
        power.compute_at(result, i)
        total.compute_at(result, i)
        return self._compiled(result, np.empty_like(x), given)

    def gelu(self, x: Array) -> Prepared:
        hl = self.hl
        lanes = Target.of(None).vector_lanes(str(x.dtype))
        given = hl.Buffer(x)
        i = hl.Var("i")
        result = hl.Func("result")
        half, one, cubic, factor = (
            hl.cast(given.type(), hl.f64(value))
            for value in (0.5, 1.0, 0.044715, math.sqrt(2 / math.pi))
        )
        inner = factor * given[i] * (one + cubic * given[i] * given[i])
        result[i] = half * given[i] * (one + hl.tanh(inner))
        part = hl.Var("part")
        # Parts that the first caches hold, so that threads share the work evenly.
        size = max(lanes, min(x.size, 1 << 14))
        if x.size >= size:
            result.split(i, part, i, size).vectorize(i, lanes).parallel(part)
        return self._compiled(result, np.empty_like(x), given)

    def _compiled(self, result: Any, out: Array, *keep: Any) -> Prepared:
        """Compile; ``keep`` are the inputs, whose memory Halide does not hold by itself."""
        buffer = self.hl.Buffer(out)
        result.compile_jit(self.target)

        def run(_inputs: tuple[Any, ...] = keep) -> None:
            result.realize(buffer)

        return Prepared(run, lambda: out)
