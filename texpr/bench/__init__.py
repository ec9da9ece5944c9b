"""The benchmark: the same computations by texpr and by others, checked, timed in turns.

``texpr bench`` runs it; ``docs/benchmarks.md`` says how it measures.
"""

from texpr.bench.results import Report, Result
from texpr.bench.run import run_benchmark

__all__ = ["Report", "Result", "run_benchmark"]
