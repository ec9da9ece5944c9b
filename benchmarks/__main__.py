"""``python -m benchmarks``: every measurement, one table after the other."""

from __future__ import annotations

from benchmarks import call_overhead, compile_latency, parallel_speedup, verdict_latency


def main() -> None:
    """Run them all."""
    print("What a call costs beside the kernel")
    call_overhead.main()
    print("From nothing to a kernel")
    compile_latency.main()
    print("What the judge takes")
    verdict_latency.main()
    print("What threads gain, and what they cost")
    parallel_speedup.main()


if __name__ == "__main__":
    main()
