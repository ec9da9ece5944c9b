"""The record of the primitives applied to a schedule: prints as Python, serialises, replays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from texpr.errors import ScheduleError
from texpr.ir.html import card, code, count

if TYPE_CHECKING:
    from texpr.schedule.schedule import Schedule


@dataclass(frozen=True)
class LoopName:
    """A loop as a trace knows it: by its name in its stage."""

    name: str


@dataclass(frozen=True)
class Step:
    """One primitive: on which stage, with which arguments, and the names of the loops it made.

    Arguments are numbers, strings, None, loops by name, and tuples of these.
    """

    primitive: str
    stage: str
    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]
    made: tuple[str, ...]
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The stages that it made, each with the names of its loops."""

    def __str__(self) -> str:
        args = [_shown(value) for value in self.positional]
        args += [f"{name}={_shown(value)}" for name, value in self.keywords.items()]
        return f"s[{self.stage}].{self.primitive}({', '.join(args)})"


def _shown(value: Any) -> str:
    return value.name if isinstance(value, LoopName) else repr(value)


@dataclass(frozen=True)
class Trace:
    """The primitives applied to a schedule, in order.

    ``str()`` is a Python function that applies them to another schedule of the same declaration;
    ``to_json`` and ``from_json`` keep them; ``replay`` applies them.
    """

    steps: tuple[Step, ...]
    root_loops: Mapping[str, tuple[str, ...]]
    """The declared loops of every stage that the steps touch."""

    def __len__(self) -> int:
        return len(self.steps)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print in notebooks as ``print`` does."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return card("trace", count(len(self), "primitive"), code(self))

    def replay(self, schedule: Schedule) -> Schedule:
        """Apply the steps to ``schedule`` and return it.

        Raises
        ------
        ScheduleError
            A stage or loop that the schedule does not have.
        """
        for step in self.steps:
            primitive = schedule.primitive(step.stage, step.primitive)
            primitive(*map(_by_name, step.positional), **step.keywords)
        return schedule

    def to_json(self) -> str:
        """Return the trace as JSON text."""
        return json.dumps(
            {
                "texpr_trace": 1,
                "root_loops": {stage: list(names) for stage, names in self.root_loops.items()},
                "steps": [
                    {
                        "primitive": step.primitive,
                        "stage": step.stage,
                        "positional": [_plain(value) for value in step.positional],
                        "keywords": {name: _plain(v) for name, v in step.keywords.items()},
                        "made": list(step.made),
                        **(
                            {"stages": {name: list(loops) for name, loops in step.stages.items()}}
                            if step.stages
                            else {}
                        ),
                    }
                    for step in self.steps
                ],
            },
            indent=1,
        )

    @staticmethod
    def from_json(text: str) -> Trace:
        """Return the trace that :meth:`to_json` wrote.

        Raises
        ------
        ScheduleError
            Text that is no trace.
        """
        try:
            table = json.loads(text)
            version = table["texpr_trace"]
            steps = tuple(
                Step(
                    step["primitive"],
                    step["stage"],
                    tuple(map(_typed, step["positional"])),
                    {name: _typed(value) for name, value in step["keywords"].items()},
                    tuple(step["made"]),
                    {name: tuple(loops) for name, loops in step.get("stages", {}).items()},
                )
                for step in table["steps"]
            )
            roots = {stage: tuple(names) for stage, names in table["root_loops"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ScheduleError(
                "trace: the text is no trace; pass what Trace.to_json returned"
            ) from error
        if version != 1:
            raise ScheduleError(
                f"trace: version {version} is newer than this texpr, which reads 1; update texpr"
            )
        return Trace(steps, roots)

    def __str__(self) -> str:
        names = _PythonNames(self)
        lines = ["def schedule(s):"]
        for stage, loops in self.root_loops.items():
            lines.append(f"    {names.stage(stage)} = s[{stage!r}]")
            lines += names.unpacked(stage, loops)
        for step in self.steps:
            args = [names.value(step.stage, value) for value in step.positional]
            args += [f"{k}={names.value(step.stage, v)}" for k, v in step.keywords.items()]
            call = f"{names.stage(step.stage)}.{step.primitive}({', '.join(args)})"
            if step.made:
                call = f"{', '.join(names.bound(step.stage, step.made))} = {call}"
            others = [*step.stages]
            if others and step.stage not in others:  # else it goes on with other loops
                call = f"{names.stage(others.pop())} = {call}"
            lines.append(f"    {call}")
            lines += [f"    {names.stage(other)} = s[{other!r}]" for other in others]
            for stage, loops in step.stages.items():
                lines += names.unpacked(stage, loops)
        if len(lines) == 1:
            lines.append("    pass")
        return "\n".join(lines)


class _PythonNames:
    """Python variables for stages and loops; a loop is prefixed where two stages share a name."""

    def __init__(self, trace: Trace) -> None:
        own = [*trace.root_loops.items()]
        for step in trace.steps:
            own += [(step.stage, step.made), *step.stages.items()]
        loops = [(stage, loop) for stage, names in own for loop in names]
        stages_of: dict[str, set[str]] = {}
        for stage, loop in loops:
            stages_of.setdefault(loop, set()).add(stage)
        self._taken = {"s"}
        self._stages = {stage: self._unique(stage) for stage in dict.fromkeys(s for s, _ in own)}
        self._loops: dict[tuple[str, str], str] = {}
        self._bound: set[tuple[str, str]] = set()
        for stage, loop in loops:
            if (stage, loop) not in self._loops:
                is_alone = len(stages_of[loop]) == 1 and loop not in self._taken
                self._loops[stage, loop] = self._unique(loop if is_alone else f"{stage}_{loop}")

    def _unique(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def stage(self, stage: str) -> str:
        return self._stages[stage]

    def loop(self, stage: str, loop: str) -> str:
        # The parts that vectorize(loop, lanes) made are known by their names only.
        return self._loops[stage, loop] if (stage, loop) in self._bound else repr(loop)

    def bound(self, stage: str, loops: Sequence[str]) -> list[str]:
        """Return the variables that hold these loops from here on."""
        self._bound.update((stage, loop) for loop in loops)
        return [self._loops[stage, loop] for loop in loops]

    def unpacked(self, stage: str, loops: Sequence[str]) -> list[str]:
        """Return the line that gives the loops of a stage their variables."""
        if not loops:
            return []
        made = ", ".join(self.bound(stage, loops))
        comma = "," if len(loops) == 1 else ""
        return [f"    {made}{comma} = {self.stage(stage)}.leaf_iter_vars"]

    def value(self, stage: str, value: Any) -> str:
        if isinstance(value, LoopName):
            return self.loop(stage, value.name)
        if isinstance(value, tuple):
            return "[" + ", ".join(self.value(stage, part) for part in value) + "]"
        if isinstance(value, float) and not isfinite(value):
            return f"float('{value}')"
        return repr(value)


def _by_name(value: Any) -> Any:
    """Return what a primitive takes for ``value``: it takes a loop by its name, too."""
    return value.name if isinstance(value, LoopName) else value


def _plain(value: Any) -> Any:
    if isinstance(value, LoopName):
        return {"loop": value.name}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return LoopName(value["loop"])
    return tuple(map(_typed, value)) if isinstance(value, list) else value


def trace_of(steps: Sequence[Step], roots: Mapping[str, tuple[str, ...]]) -> Trace:
    """Return the trace of ``steps``, with the declared loops of the stages that they touch."""
    touched = {step.stage for step in steps}
    return Trace(tuple(steps), {stage: names for stage, names in roots.items() if stage in touched})
