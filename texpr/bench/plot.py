"""A report as a roofline plot; needs matplotlib."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from texpr.bench.results import Ceilings, Report
from texpr.bench.workloads import WORKLOADS, Workload
from texpr.errors import TexprError

FORMATS: Final = (".png", ".svg", ".pdf")


def check_available(file: Path) -> None:
    """Say before anything is measured that nothing could be drawn.

    Raises
    ------
    TexprError
        matplotlib is missing, or the file's name says no format.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise TexprError(
            "bench: a plot needs matplotlib, which is not installed; pip install 'texpr[plot]'"
        )
    if file.suffix not in FORMATS:
        raise TexprError(
            f"bench: {file.name!r} says no format of a plot; end it with {', '.join(FORMATS)}"
        )


def draw(report: Report, file: Path) -> None:
    """Draw operations a second over operations a byte, a panel for each number of threads.

    The slope is the bandwidth of memory, the flat parts are the peaks of multiply-adds; a point
    is a workload, a colour a peer.

    Raises
    ------
    TexprError
        matplotlib is missing, or nothing was measured.
    """
    check_available(file)
    counts = sorted({result.num_threads for result in report.results if result.timing is not None})
    if not counts:
        raise TexprError("bench: nothing was measured, and there is nothing to draw")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0 * len(counts), 5.5), layout="constrained")
    panels = figure.subplots(1, len(counts), squeeze=False, sharey=True)[0]
    for panel, num_threads in zip(panels, counts, strict=True):
        _draw_panel(panel, report, num_threads)
    panels[0].set_ylabel("GFLOP/s")
    figure.suptitle(str(report.machine["cpu"]))
    figure.savefig(file, dpi=130)


def points(report: Report, num_threads: int) -> dict[str, list[tuple[str, float, float]]]:
    """Return the workload, its operations a byte and its GFLOP/s, of each peer."""
    known: dict[str, Workload] = {workload.name: workload for workload in WORKLOADS}
    found: dict[str, list[tuple[str, float, float]]] = {}
    for result in report.results:
        if result.num_threads == num_threads and result.timing is not None:
            workload = known[result.workload]
            rate = workload.flops / result.timing.median_ns
            found.setdefault(result.peer, []).append((workload.name, workload.intensity, rate))
    return found


def _draw_panel(panel: Any, report: Report, num_threads: int) -> None:
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.margins(y=0.15)  # for the names of those at the top
    panel.set_xlabel("operations a byte")
    panel.set_title("1 thread" if num_threads == 1 else f"{num_threads} threads")
    by_peer = points(report, num_threads)
    reached = [intensity for made in by_peer.values() for _, intensity, _ in made]
    span = min(reached) / 2, max(reached) * 2
    for ceilings in report.ceilings:
        if ceilings.num_threads == num_threads:
            _draw_roofs(panel, ceilings, span)
    for peer, made in by_peer.items():
        panel.plot(
            [intensity for _, intensity, _ in made],
            [rate for _, _, rate in made],
            "o" if peer == "texpr" else "x",
            label=peer,
        )
    named: dict[str, tuple[float, float]] = {}
    for made in by_peer.values():
        for name, intensity, rate in made:
            named[name] = intensity, max(rate, named.get(name, (0.0, 0.0))[1])
    for name, place in named.items():
        panel.annotate(
            name, place, xytext=(0, 5), textcoords="offset points", fontsize=6, rotation=45
        )
    panel.legend()
    panel.grid(visible=True, alpha=0.3)


def _draw_roofs(panel: Any, ceilings: Ceilings, span: tuple[float, float]) -> None:
    width = max(ceilings.bandwidth_gb_s.values())
    for dtype, peak in ceilings.peak_gflops.items():
        ridge = min(max(peak / width, span[0]), span[1])
        panel.plot(
            [span[0], ridge, span[1]],
            [min(peak, width * at) for at in (span[0], ridge, span[1])],
            color="black",
            linewidth=1,
            linestyle="-" if dtype == "float32" else "--",
            label=f"{dtype}: {peak:.0f} GFLOP/s, {width:.0f} GB/s",
        )
