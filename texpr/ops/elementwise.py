"""Stages that compute each element by itself: how they are spread over lanes and threads."""

from __future__ import annotations

import math

from texpr import te
from texpr.ir.expr import int_value
from texpr.target.target import Target


def schedule_elementwise(s: te.TeSchedule, T: te.Tensor, target: Target, num_threads: int) -> None:
    """Schedule one such stage.

    ::

        for i in parallel(…):            all dimensions but the last; of a vector, its parts
            for j_o in …:
                for j_i in vectorized(lanes):

    """
    if not T.op.axis:
        return
    *rows, last = T.op.axis
    *sizes, length = (int_value(extent) or 0 for extent in T.shape)
    lanes = min(target.vector_lanes(T.dtype), max(1, length))
    j_o, j_i = s[T].split(last, factor=lanes)
    s[T].vectorize(j_i)
    if num_threads == 1:
        return
    if math.prod(sizes) >= num_threads:
        s[T].parallel(s[T].fuse(*rows) if len(rows) > 1 else rows[0])
    elif length >= lanes * num_threads:
        part, j_o = s[T].split(j_o, nparts=num_threads)
        s[T].reorder(part, *rows, j_o, j_i)
        s[T].parallel(part)
