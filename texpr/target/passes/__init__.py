"""The lowering passes: each takes a Program and a Target and returns a Program.

They run in this order, and after each the program can be printed, interpreted and judged. None
flattens subscripts or expands vector lanes: that is left to the emission of machine code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from texpr.ir.program import Program
from texpr.target.passes import (
    accumulate_in_lanes,
    hoist_scratch,
    keep_in_registers,
    narrow_vectors,
    separate_tiles,
    simplify_program,
    strip_vectors,
    tighten_loops,
    unroll_loops,
)
from texpr.target.target import Target

Pass = Callable[[Program, Target], Program]

PASSES: Final[tuple[tuple[str, Pass], ...]] = (
    ("simplify", simplify_program.run),
    ("separate_tiles", separate_tiles.run),
    ("simplify_tiles", simplify_program.run),
    ("tighten_loops", tighten_loops.run),
    ("strip_vectors", strip_vectors.run),
    ("unroll_loops", unroll_loops.run),
    ("accumulate_in_lanes", accumulate_in_lanes.run),
    ("simplify_all", simplify_program.run),
    ("keep_in_registers", keep_in_registers.run),
    ("narrow_vectors", narrow_vectors.run),
    ("hoist_scratch", hoist_scratch.run),
)
"""Names and functions in order."""
