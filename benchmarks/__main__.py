"""``python -m benchmarks``: texpr against others, as ``texpr bench``; ``latency``: the rest."""

from __future__ import annotations

import click

from benchmarks import (
    call_overhead,
    compile_latency,
    odd_sizes,
    operator_calls,
    parallel_speedup,
    verdict_latency,
)
from texpr.cli import bench


class _SpeedUnlessSaid(click.Group):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["speed", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_SpeedUnlessSaid, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measurements of texpr; speed unless another is named."""


main.add_command(bench, "speed")


@main.command()
def latency() -> None:
    """What calls, compiling, verdicts, odd sizes and threads cost."""
    print("What a call costs beside the kernel")
    call_overhead.main()
    print(f"What a call of an operator costs, on arrays of {operator_calls.SIZE}")
    operator_calls.main()
    print("From nothing to a kernel")
    compile_latency.main()
    print("What the judge takes")
    verdict_latency.main()
    print("What sizes cost that tiles do not divide")
    odd_sizes.main()
    print("What threads gain, and what they cost")
    parallel_speedup.main()


if __name__ == "__main__":
    main()
