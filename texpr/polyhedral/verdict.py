"""Why a schedule is refused: the two instances that collide, at the smallest sizes, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import islpy as isl

from texpr.ir.expr import Const, Var
from texpr.ir.html import Html, card, escaped, facts, listed, marked
from texpr.ir.printer import stmt_text
from texpr.ir.program import Block
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Unknown
from texpr.polyhedral.counterexample import Point, smallest_point
from texpr.polyhedral.dependences import Dependence
from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.scop import Touch


@dataclass(frozen=True)
class Instance:
    """One run of a statement: its label, its iteration vector, its text and where it stands."""

    label: str
    values: Mapping[str, int]
    text: str
    location: str

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self.values.items())
        return f"({inside})" if inside else self.label


@dataclass(frozen=True)
class Verdict:
    """The answer to a schedule that is not accepted.

    ``kind`` is ``"illegal"``, ``"unknown"`` with the ``reason`` why it cannot be decided, or
    ``"impossible"`` with the reason why there is nothing to decide. Where
    a pair of instances is known, ``source`` comes before ``sink`` in the declared order, both
    touch ``cell``, and ``sizes`` are the smallest at which they do.
    """

    what: str
    kind: str
    fault: str
    dependence: str | None = None
    source: Instance | None = None
    sink: Instance | None = None
    cell: str | None = None
    sizes: Mapping[str, int] | None = None
    loop: str | None = None
    reason: str | None = None
    legal: tuple[str, ...] = ()
    written: str | None = None
    """The other cell that is written to the place of ``cell``, where room is used again."""

    def __str__(self) -> str:
        if self.kind == "impossible":
            return str(self.reason)
        lines = [f"{self.what} {_OUTCOME[self.kind]}"]
        if self.source is not None and self.sink is not None:
            lines += _statements(self.source, self.sink)
            lines += self._collision(self.source, self.sink)
        if self.reason is not None:
            lines.append(f"  it cannot be decided, because {self.reason}")
        if self.legal:
            lines.append(f"  legal here: {'; '.join(self.legal)}")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print in notebooks as ``print`` does."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        outcome = _OUTCOME.get(self.kind, "is not possible")
        title = Html(f"{escaped(self.what)} {marked('bad', outcome)}")
        rows: dict[str, object] = {}
        if self.source is not None and self.sink is not None:
            for verb, one in zip(
                _VERBS[self.dependence or "flow"], (self.source, self.sink), strict=True
            ):
                at = self.written if one is self.source and self.written else self.cell
                who = Html(f"{escaped(_named(one, one))} {marked('quiet', one.location)}")
                rows["first" if one is self.source else "then"] = Html(
                    f"{who}<br>{escaped(one.text)} {marked('quiet', f'{verb} {at}')}"
                )
            rows["dependence"] = self.dependence
            rows["smallest sizes"] = ", ".join(f"{n}={v}" for n, v in (self.sizes or {}).items())
            before, after = _named(self.source, self.sink), _named(self.sink, self.source)
            rows["but"] = self._proposal(before, after)
        rows["reason"] = self.reason
        rows["legal here"] = listed(self.legal) or None
        return card("verdict", title, facts(rows))

    def _collision(self, source: Instance, sink: Instance) -> list[str]:
        first, second = _VERBS[self.dependence or "flow"]
        sizes = ", ".join(f"{name}={value}" for name, value in (self.sizes or {}).items())
        where = f"with {sizes}: " if sizes else ""
        if self.fault == "fold":
            return self._overwriting(where, source, sink)
        also = ", too" if first == second else ""
        before = _named(source, sink)
        after = _named(sink, source)
        return [
            (
                f"  {where}instance {after} {second} {self.cell}, which instance {before} {first}"
                f"{also} ({self.dependence} dependence);"
            ),
            f"  the declared order runs {before} first; {self._proposal(before, after)}",
        ]

    def _overwriting(self, where: str, source: Instance, sink: Instance) -> list[str]:
        writer, other = _named(source, sink), _named(sink, source)
        verb = "reads" if self.dependence == "flow" else "writes"
        return [
            (
                f"  {where}instance {writer} writes {self.written} to the place of {self.cell}, "
                f"which instance {other} {verb};"
            ),
            f"  {self._proposal(writer, other)}",
        ]

    def _proposal(self, before: str, after: str) -> str:
        if self.fault == "fold" and self.loop is None:
            return f"the proposed order runs {before} first; more room keeps them apart."
        if self.fault in ("parallel", "fold"):
            return f"in parallel over {self.loop} nothing says which comes first."
        if self.fault == "storage":
            return f"{self.cell} would be another cell by the time of {after}."
        if self.fault == "missing":
            return f"{self.cell} would not be computed by the time of {after}."
        if self.fault == "stale":
            return f"the cache is filled before {before}."
        if self.loop is not None:
            return f"the lanes of {self.loop} run both at once."
        return f"the proposed order runs {after} first."


_OUTCOME = {"illegal": "would change the result", "unknown": "may change the result"}
_VERBS = {
    "flow": ("writes", "reads"),
    "anti": ("reads", "writes"),
    "output": ("writes", "writes"),
}


def _named(instance: Instance, other: Instance) -> str:
    is_told_apart = instance.label != other.label and instance.values
    return f"{instance.label}{instance}" if is_told_apart else str(instance)


def _statements(source: Instance, sink: Instance) -> list[str]:
    """Return the statements with the lines that they stand on, each once."""
    instances = [source] if source.label == sink.label else [source, sink]
    # Wide enough for a statement and its place side by side on an ordinary terminal.
    return [f"    {one.text:<60}  {one.location}".rstrip() for one in instances]


def verdict_on(judge: Judge, finding: Finding, what: str, legal: Sequence[str] = ()) -> Verdict:
    """Return the verdict that ``finding`` amounts to; ``what`` names the schedule that it is on."""
    if finding.confirmed is not None:
        confirmed = finding.confirmed
        plain = verdict_on(confirmed.judge, confirmed.finding, what, legal)
        sizes = {var.name: value for var, value in confirmed.sizes.items()}
        return replace(plain, sizes=sizes)
    kind = "illegal" if finding.is_certain else "unknown"
    loop = None if finding.loop is None else finding.loop.var.name
    dependence = finding.dependence
    dependence_kind = None if dependence is None else dependence.kind
    base = Verdict(
        what,
        kind,
        finding.fault,
        dependence_kind,
        loop=loop,
        reason=finding.missing,
        legal=tuple(legal),
    )
    if finding.pairs is None or dependence is None:
        return base
    found = _smallest_pair(judge, dependence, finding.pairs)
    if found is None:
        return base
    point, source, sink = found
    cell = written = _cell_text(dependence.source, source)
    if cell is None or finding.fault == "fold":
        cell = _cell_text(dependence.sink, sink)
    cell = cell or f"an element of {dependence.buffer.name}"
    return Verdict(
        what,
        kind,
        finding.fault,
        dependence.kind,
        _instance(dependence.source.statement.block, source),
        _instance(dependence.sink.statement.block, sink),
        cell,
        {var.name: value for var, value in point.params.items()},
        loop,
        finding.missing,
        tuple(legal),
        written if finding.fault == "fold" else None,
    )


_Values = Mapping[Var, int]


def _smallest_pair(
    judge: Judge, dependence: Dependence, pairs: isl.Map
) -> tuple[Point, _Values, _Values] | None:
    """Return the smallest pair of instances, with the values that each has."""
    analysis, params = judge.scop.analysis, judge.scop.params
    first = [i.var for i in dependence.source.statement.block.iters]
    second = [i.var for i in dependence.sink.statement.block.iters]
    again = [Var(f"{var.name}_") for var in second]
    frame = Frame(analysis, [*first, *again], params)
    points = pairs.wrap().flatten().reset_tuple_id().align_params(frame.space)
    point = analysis.ask(lambda: smallest_point(frame, points))
    if point is None or isinstance(point, Unknown):
        return None
    source = {**point.params, **{var: point.dims[var] for var in first}}
    renamed = zip(second, again, strict=True)
    sink = {**point.params, **{var: point.dims[copy] for var, copy in renamed}}
    return point, source, sink


def _instance(block: Block, values: _Values) -> Instance:
    location = "" if block.location is None else str(block.location)
    vector = {axis.name: values[axis.var] for axis in block.iters}
    return Instance(block.label, vector, stmt_text(block).splitlines()[-1].strip(), location)


def _cell_text(touch: Touch, values: _Values) -> str | None:
    """Return the cell that an instance touches, such as ``A[2, 1]``.

    None where it is data, or one of many.
    """
    if touch.access.is_whole:
        return None
    numbers = []
    for index in touch.access.indices:
        value = simplify(substitute(index, {v: Const(n, v.dtype) for v, n in values.items()}))
        if not isinstance(value, Const):
            return None
        numbers.append(str(value))
    return f"{touch.access.buffer.name}[{', '.join(numbers) or '()'}]"
