"""The command line: ``texpr demo``, ``texpr bench``, ``texpr doctor``, ``texpr config``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from texpr import config
from texpr.bench import plot
from texpr.bench import run as bench_run
from texpr.bench.peers import PEERS
from texpr.bench.table import print_report
from texpr.bench.workloads import WORKLOADS
from texpr.demo import Demo, run_demo
from texpr.doctor import Report, examine
from texpr.errors import TexprError
from texpr.version import __version__

MAX_SIZE = 1 << 14  # 16384 squared floats are 1 GiB a matrix

# How a reader calls what a report names for programs.
_LABELS = {
    "cpu": "processor",
    "llvm_cpu": "LLVM's name of it",
    "openmp": "OpenMP",
    "num_cores": "usable cores",
    "vector_bits": "vector bits",
    "num_vector_registers": "vector registers",
    "l1d_bytes": "L1 data cache",
    "l2_bytes": "L2 cache",
    "l3_bytes": "L3 cache",
    "line_bytes": "cache line",
    "memory_bytes": "memory",
}

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="texpr")
def main() -> None:
    """Fast numeric kernels from tensor expressions."""


@main.command()
@click.option(
    "--size",
    type=click.IntRange(1, MAX_SIZE),
    default=1024,
    show_default=True,
    help="Rows and columns of the matrices.",
)
@_AS_JSON
def demo(size: int, as_json: bool) -> None:
    """Multiply two matrices and compare with NumPy, one thread against one.

    Declares the product, schedules it, prints both, builds and runs the kernel. Ends with 1 if
    the result is wrong.
    """
    try:
        result = run_demo(size)
    except TexprError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(result.measured(), indent=2))
    else:
        _print_demo(result)
    if not result.is_right:
        raise click.ClickException(
            f"the result is wrong: its error {result.max_relative_error:.2e} is above "
            f"{result.error_bound:.2e}, the most that rounding explains"
        )


@main.command()
@click.option(
    "--workload",
    "-w",
    "workloads",
    multiple=True,
    help="Name or pattern, such as 'gemm*'; more than one allowed.",
)
@click.option(
    "--peer", "-p", "peers", multiple=True, help="Whom to compare with; more than one allowed."
)
@click.option(
    "--threads",
    default="1,all",
    show_default=True,
    help="Numbers of threads, and all for the cores there are.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    default=bench_run.BUDGET_S,
    show_default=True,
    help="Seconds of measuring for each workload.",
)
@click.option(
    "--quick",
    is_flag=True,
    help=f"The same as --budget {bench_run.QUICK_BUDGET_S}: a first impression.",
)
@click.option(
    "--ceilings/--no-ceilings", default=True, help="Measure what the machine can do at most."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write everything to a file.",
)
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Draw the roofline into a file, .png or .svg.",
)
@click.option(
    "--list", "only_list", is_flag=True, help="Show workloads and peers, and measure nothing."
)
def bench(
    workloads: tuple[str, ...],
    peers: tuple[str, ...],
    threads: str,
    budget: float,
    quick: bool,
    ceilings: bool,
    json_file: Path | None,
    plot_file: Path | None,
    only_list: bool,
) -> None:
    """Compare texpr with other libraries: each checked, then timed in turns.

    Ends with 1 if somebody, us included, computed something wrong.
    """
    if only_list:
        click.echo("workloads: " + ", ".join(workload.name for workload in WORKLOADS))
        click.echo("peers: " + ", ".join(PEERS))
        return
    console, errors = Console(), Console(stderr=True)
    try:
        for file in filter(None, (json_file, plot_file)):
            if not file.parent.is_dir():
                raise TexprError(f"bench: there is no folder {str(file.parent)!r}; make it first")
        if plot_file is not None:
            plot.check_available(plot_file)
        chosen = bench_run.choose_workloads(workloads), bench_run.choose_peers(peers)
        counts = bench_run.choose_threads(threads)
        with errors.status("") as status:
            report = bench_run.run_benchmark(
                *chosen,
                counts,
                budget_s=bench_run.QUICK_BUDGET_S if quick else budget,
                with_ceilings=ceilings,
                progress=status.update,
            )
        print_report(report, console)
        if json_file is not None:
            json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
        if plot_file is not None:
            plot.draw(report, plot_file)
    except (TexprError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if report.has_wrong:
        raise click.exceptions.Exit(1)


@main.command()
@_AS_JSON
def doctor(as_json: bool) -> None:
    """Show versions, processor, caches, and what is missing with the line that fixes it."""
    report = examine()
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        _print_report(report)
    if report.is_fatal:
        raise click.exceptions.Exit(1)


@main.command(name="config")
def config_() -> None:
    """Show every environment variable that texpr reads, and its value."""
    table = _table("variable", "value", "meaning")
    for name, value, meaning in config.table():
        table.add_row(name, escape(value) or "[dim]unset[/dim]", meaning)
    console = Console()
    console.print(table)
    for line in config.unknown_variables():
        console.print(escape(line), style="yellow", soft_wrap=True)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print_demo(result: Demo) -> None:
    for heading, text in (
        ("declared", result.declared),
        ("schedule", result.trace),
        ("loop nest", result.loop_nest),
    ):
        click.secho(f"# {heading}", bold=True)
        click.echo(f"{text}\n")
    table = _table("", "time", "GFLOP/s", "largest error")
    rows = (
        ("texpr", result.seconds, result.gflops, result.max_relative_error),
        (
            "NumPy",
            result.numpy_seconds,
            result.numpy_gflops,
            result.numpy_max_relative_error,
        ),
    )
    for name, seconds, gflops, error in rows:
        table.add_row(name, _seconds(seconds), f"{gflops:.1f}", f"{error:.1e}")
    console = Console()
    console.print(table)
    size = result.size
    click.echo(f"{size} x {size} x {size} {result.dtype}, one thread, medians of {result.rounds}")
    click.echo(f"ratio to NumPy  {result.ratio_to_numpy:.2f}")
    click.echo(f"compiled in     {_seconds(result.compile_seconds)}")
    click.echo(f"target          {result.target}")
    click.echo(f"NumPy's BLAS    {result.numpy_blas}")
    if result.numpy_threads != 1:
        click.echo(
            "NumPy's BLAS could not be held to one thread: the ratio may be too low", err=True
        )


def _print_report(report: Report) -> None:
    console = Console()
    versions = _table("version", "")
    for name, version in report.versions.items():
        versions.add_row(name, version)
    console.print(versions)

    machine = _table("machine", "")
    for name, value in report.machine.items():
        machine.add_row(_LABELS.get(name, name), _quantity(name, value))
    machine.add_row("vector features", ", ".join(report.features) or "none")
    machine.add_row("target", escape(report.target))
    works = "fails" if report.build_ms is None else f"built and run in {report.build_ms:.0f} ms"
    machine.add_row("a first kernel", works)
    console.print(machine)

    environment = _table("environment", "")
    for name, text in report.environment.items():
        environment.add_row(name, escape(text))
    if report.environment:
        console.print(environment)

    problems = _table("missing or wrong", "what mends it")
    for problem in report.problems:
        problems.add_row(escape(problem.what), escape(problem.fix))
    if report.problems:
        console.print(problems)
    else:
        console.print("nothing is missing")


def _quantity(name: str, value: str | int | None) -> str:
    """Return a value as a reader wants it: sizes in KiB, MiB or GiB."""
    if value is None:
        return "unknown"
    if not (name.endswith("_bytes") and isinstance(value, int)):
        return escape(str(value))
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if value >= 1 << power:
            return f"{value / (1 << power):.4g} {unit}"
    return f"{value} B"


def _seconds(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
