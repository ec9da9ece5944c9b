"""Stages that compute each element by itself: how they are spread over lanes and threads."""

from __future__ import annotations

import math
from typing import Final

from texpr import te
from texpr.ir.expr import int_value
from texpr.target.target import Target

VECTORS_IN_PART: Final = 64
"""Vectors that a thread takes at a time of a row whose length is known only at run time.

Enough to forget what it costs to take them, and less than two threads would be woken for.
"""


def schedule_elementwise(s: te.TeSchedule, T: te.Tensor, target: Target, num_threads: int) -> None:
    """Schedule one such stage.

    ::

        for i in parallel(…):            all dimensions but the last; of a vector, its parts
            for j_o in …:
                for j_i in vectorized(lanes):

    Where it is known only at run time which of these are enough for the threads, they share both.
    """
    if not T.op.axis:
        return
    *rows, last = T.op.axis
    *sizes, length = (int_value(extent) for extent in T.shape)
    lanes = target.vector_lanes(T.dtype)
    if length is not None:
        lanes = min(lanes, max(1, length))
    j_o, j_i = s[T].split(last, factor=lanes)
    s[T].vectorize(j_i)
    if num_threads == 1:
        return
    known = [size for size in sizes if size is not None]
    if known == sizes and math.prod(known) >= num_threads:
        s[T].parallel(s[T].fuse(*rows) if len(rows) > 1 else rows[0])
    elif length is None or known != sizes:
        part, _ = s[T].split(j_o, factor=VECTORS_IN_PART)
        for loop in (*rows, part):
            s[T].parallel(loop)
    elif length >= lanes * num_threads:
        part, j_o = s[T].split(j_o, nparts=num_threads)
        s[T].reorder(part, *rows, j_o, j_i)
        s[T].parallel(part)
