"""Stages that compute each element by itself: how they are spread over lanes and threads."""

from __future__ import annotations

import math

from texpr import te
from texpr.ir.expr import int_value
from texpr.target.target import Target


def schedule_elementwise(s: te.TeSchedule, T: te.Tensor, target: Target, num_threads: int) -> None:
    """Schedule one such stage.

    ::

        for part in parallel(…):         one for each thread
            for i_o in …:
                for i_i in vectorized(lanes):

    """
    if not T.op.axis:
        return
    size = math.prod(int_value(extent) or 0 for extent in T.shape)
    axes = T.op.axis
    whole = s[T].fuse(*axes) if len(axes) > 1 else axes[0]
    lanes = min(target.vector_lanes("float32" if T.dtype.size_bytes < 4 else T.dtype), max(1, size))
    i_o, i_i = s[T].split(whole, factor=lanes)
    if num_threads > 1 and size >= lanes * num_threads:
        part, i_o = s[T].split(i_o, nparts=num_threads)
        s[T].parallel(part)
    s[T].vectorize(i_i)
