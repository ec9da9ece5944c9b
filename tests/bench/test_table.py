"""How a report looks: tables and plots of made-up numbers, and the commands."""

from __future__ import annotations

import importlib.util
import io
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from rich.console import Console

import benchmarks.__main__ as program
from texpr import cli
from texpr.bench import plot
from texpr.bench.results import Ceilings, Report, Result, Spread
from texpr.bench.table import cells, print_report
from texpr.bench.workloads.products import gemm
from texpr.errors import TexprError
from texpr.target.timing import Timing


def result(peer, times, **fields):
    timing = Timing(times, 1)
    return Result(
        "gemm-512", peer, 1, "GFLOP/s", "timed", timing=timing, rate=100.0, part_of_ceiling=0.5,
        **fields,
    )  # fmt: skip


REPORT = Report(
    machine={
        "cpu": "[red]Some CPU[/red]", "num_cores": 2, "load": 0.0, "date": "now", "target": "llvm",
    },
    peers={"texpr": {"texpr": "1.2"}, "numpy": {"numpy": "2.0", "BLAS": "openblas"}},
    missing={"torch": "not installed: pip install torch"},
    budget_s=1.0,
    ceilings=[Ceilings(1, {"float32": 118.0}, {"copy": 12.0})],
    results=[
        result("texpr", (1e6, 2e6, 3e6)),
        result("numpy", (4e6, 4e6, 4e6), ratio=Spread(1.0, 2.0, 4.0)),
        Result("gemm-512", "jax", 1, "GFLOP/s", "wrong", why="its error is 7 times"),
        Result("gemm-512", "numba", 1, "GFLOP/s", "absent", why="numba has no gemm"),
    ],
)  # fmt: skip


def printed(report, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    print_report(report, console)
    return console.export_text()


def test_a_report_as_text():
    text = printed(REPORT)
    assert max(map(len, printed(REPORT, 80).splitlines()[-12:])) <= 80
    for words in (
        "[red]Some CPU[/red], 2 cores, load 0.0", "numpy 2.0, BLAS openblas",
        "torch not installed: pip install torch",
        "1 thread; ceilings: float32 118 GFLOP/s, copy 12.0 GB/s",
        "GFLOP/s", "100.0", "50%", "2.00 x", "gemm-512, jax: wrong: its error is 7 times",
    ):  # fmt: skip
        assert words in text
    assert "numba" not in text


def test_a_busy_machine_is_a_warning():
    words = "other processes want the cores"
    assert words not in printed(REPORT)
    assert words in printed(replace(REPORT, machine={**REPORT.machine, "load": 1.1}))
    assert words not in printed(replace(REPORT, machine={**REPORT.machine, "load": None}))


def test_cells():
    assert cells(REPORT.results[0]) == ("2 ms", "-25% +25%", "100.0", "50%", "")
    assert cells(REPORT.results[2]) == ("[red]wrong[/red]", "", "", "", "")


def test_a_plot(tmp_path):
    file = tmp_path / "roof.svg"
    plot.draw(REPORT, file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert set(plot.points(REPORT, 1)) == {"texpr", "numpy"}
    (name, intensity, rate), *_ = plot.points(REPORT, 1)["texpr"]
    workload = gemm(512, 512, 512)
    assert (name, intensity, rate) == (
        "gemm-512", workload.intensity, pytest.approx(workload.flops / 2e6),
    )  # fmt: skip
    with pytest.raises(TexprError, match="bench: nothing was measured, and there is nothing to"):
        plot.draw(Report({}, {}, {}, 1.0), file)


def test_a_plot_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run("bench", "--plot", str(tmp_path / "a.png"), fails="bench: a plot needs matplotlib")


def run(*args, fails=None, command=cli.main):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(command, list(args))
    assert result.exit_code == (0 if fails is None else 1), result.output
    if fails is not None:
        assert fails in result.output
    return result


def test_unknown_names_on_the_command_line():
    run("bench", "-w", "gem-512", fails="no workload is called 'gem-512'; did you mean 'gemm-512'?")
    run("bench", "-p", "nunpy", fails="no peer is called 'nunpy'; did you mean 'numpy'?")
    run("bench", "--threads", "few", fails="'few' is no number of threads")


def test_a_plot_of_no_format():
    run(
        "bench", "--plot", "roof.txt", fails="'roof.txt' says no format of a plot; end it with .png"
    )


def test_a_file_in_no_folder():
    run(
        "bench",
        "--json",
        "no/such/folder/a.json",
        fails="bench: there is no folder 'no/such/folder'",
    )


def test_the_list():
    text = run("bench", "--list").output
    assert "gemm-509x1021x733" in text
    assert "peers: texpr, numpy, torch, jax, numba, halide" in text


def test_a_whole_command(monkeypatch, tmp_path):
    asked = []

    def measured(workloads, peers, threads, **options):
        asked.append(([w.name for w in workloads], [p.name for p in peers], threads, options))
        return REPORT

    monkeypatch.setattr(cli.bench_run, "run_benchmark", measured)
    file = tmp_path / "all.json"
    options = ("-w", "gemm-5*", "-p", "numpy", "--threads", "1,2", "--quick", "--json", str(file))
    # One peer of the report is wrong, which the program says by how it ends.
    output = run("bench", *options, fails="its error is 7 times").output
    assert "2.00 x" in output
    assert asked[0][:3] == (["gemm-512", "gemm-509x1021x733"], ["texpr", "numpy"], [1, 2])
    assert asked[0][3]["budget_s"] == cli.bench_run.QUICK_BUDGET_S
    assert json.loads(file.read_text(encoding="utf-8"))["schema"] == 1
    run(*options, command=program.main, fails="its error is 7 times")
    run("speed", *options, command=program.main, fails="its error is 7 times")
    assert len(asked) == 3


def test_the_programs_groups():
    text = run("-h", command=program.main).output
    for word in ("speed", "latency"):
        assert word in text
