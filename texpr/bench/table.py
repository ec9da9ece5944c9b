"""A report as tables for a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from texpr.bench.results import OWN, Report, Result, best_peer
from texpr.target.timing import format_ns


def print_report(report: Report, console: Console) -> None:
    """Print the machine, its ceilings, and a table for each number of threads."""
    own = report.machine
    console.print(
        escape(
            f"{own['cpu']}, {own['num_cores']} cores, load {own['load']}; {own['date']}; "
            f"{own['target']}"
        ),
        soft_wrap=True,
    )
    if is_busy(report):
        console.print(
            "other processes want the cores: times, ceilings and ratios say little",
            style="yellow",
            soft_wrap=True,
        )
    for name, versions in report.peers.items():
        words = ", ".join(
            version if what == name else f"{what} {version}" for what, version in versions.items()
        )
        console.print(f"[bold]{name}[/bold] {escape(words)}", soft_wrap=True, highlight=False)
    for name, why in report.missing.items():
        console.print(f"[bold]{name}[/bold] [yellow]{escape(why)}[/yellow]", soft_wrap=True)
    for num_threads in dict.fromkeys(result.num_threads for result in report.results):
        console.print(_table(report, num_threads))
    wrong = [result for result in report.results if result.state in ("wrong", "failed")]
    for result in wrong:
        console.print(
            f"[red]{result.workload}, {result.peer}: {result.state}[/red]: {escape(result.why)}",
            soft_wrap=True,
        )


def is_busy(report: Report) -> bool:
    """Whether there was no core to spare when the run began."""
    load = report.machine["load"]
    return load is not None and load > report.machine["num_cores"] / 2


def title(report: Report, num_threads: int) -> str:
    """Return what stands above a table: how many threads, and what they can do at most."""
    text = "1 thread" if num_threads == 1 else f"{num_threads} threads"
    for ceilings in report.ceilings:
        if ceilings.num_threads == num_threads:
            peaks = [f"{dtype} {rate:.0f}" for dtype, rate in ceilings.peak_gflops.items()]
            widths = [f"{name} {rate:.1f}" for name, rate in ceilings.bandwidth_gb_s.items()]
            text += f"; ceilings: {', '.join(peaks)} GFLOP/s, {', '.join(widths)} GB/s"
    return text


def _table(report: Report, num_threads: int) -> Table:
    table = Table(
        box=SIMPLE_HEAD, title=title(report, num_threads), title_justify="left", pad_edge=False
    )
    table.add_column("workload, by", no_wrap=True)
    for heading in ("median", "quartiles", "rate", "of ceiling", "texpr is"):
        table.add_column(heading, justify="right")
    chosen = [result for result in report.results if result.num_threads == num_threads]
    for name in dict.fromkeys(result.workload for result in chosen):
        rows = [r for r in chosen if r.workload == name and r.state != "absent"]
        best = best_peer(report.results, name, num_threads)
        table.add_row(name, "", "", rows[0].unit if rows else "")
        for result in rows:
            peer = f"[bold]{result.peer}[/bold]" if result is best else result.peer
            table.add_row(f"  {peer}", *cells(result))
    return table


def cells(result: Result) -> tuple[str, ...]:
    """Return the cells of a row after the names."""
    spread = result.time_ns
    if spread is None or result.rate is None:
        return f"[red]{result.state}[/red]", "", "", "", ""
    return (
        format_ns(spread.median),
        f"{spread.low / spread.median - 1:+.0%} {spread.high / spread.median - 1:+.0%}",
        f"{result.rate:.1f}",
        "" if result.part_of_ceiling is None else f"{result.part_of_ceiling:.0%}",
        "" if result.ratio is None or result.peer == OWN else f"{result.ratio.median:.2f} x",
    )
