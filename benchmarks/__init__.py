"""Measurements: ``python -m benchmarks`` compares, ``python -m benchmarks latency`` is about us."""
