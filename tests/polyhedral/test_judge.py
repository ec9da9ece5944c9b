"""The judge against a brute-force one, on random programs and random schedules."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.polyhedral.brute_force import keeps_every_dependence
from tests.polyhedral.loop_programs import loop_programs
from texpr.errors import ScheduleError
from texpr.ir.program import LoopKind, Program
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.verdict import verdict_on
from texpr.schedule.primitives import PRIMITIVES
from texpr.schedule.realise import realise
from texpr.schedule.state import State, initial_state


def proposed(program: Program, seed: int, count: int) -> tuple[State, Program]:
    """Apply random primitives without asking any judge; mark some loops parallel or vectorized."""
    source, state = random.Random(seed), initial_state(program)
    realised = program
    for _ in range(count):
        stage = source.choice(sorted(state.declared.stages))
        name = source.choice(sorted(PRIMITIVES))
        proposal = PRIMITIVES[name].sample(state, stage, source)
        if proposal is None or name.startswith("compute"):
            continue
        try:
            changed, _ = PRIMITIVES[name].apply(state, stage, *proposal[0], **proposal[1])
            realised = realise(changed)
        except ScheduleError:
            continue
        state = changed
    return state, realised


@given(loop_programs(), st.integers(0, 1 << 30), st.integers(1, 4))
@settings(max_examples=300)
def test_the_judge_agrees_with_brute_force(program: Program, seed: int, count: int) -> None:
    _, new = proposed(program, seed, count)
    judge = Judge(program)
    finding = judge.first_fault(new)
    free = program.float_policy.order != "exact"
    (n,) = program.scalars
    broken = {
        size: keeps_every_dependence(program, new, {n: size}, free=free) for size in range(5)
    }
    if finding is None:
        event("accepted")
        for size, pair in broken.items():
            assert pair is None, f"accepted, but at n={size} {pair} is broken:\n{program}\n{new}"
        return
    event("refused")
    verdict = verdict_on(judge, finding, "this schedule")
    assert finding.is_certain, verdict
    assert verdict.sizes is not None, verdict
    size = verdict.sizes.get("n", 0)
    pair = broken[size] if size in broken else keeps_every_dependence(
        program, new, {n: size}, free=free
    )  # fmt: skip
    assert pair is not None, f"refused, but nothing is broken:\n{verdict}\n{program}\n{new}"


def with_kind(state: State, stage: str, loop: str, kind: LoopKind) -> Program:
    """Return the program with a loop marked, whatever a judge would say."""
    axis = next(axis for axis in state.leaves(stage) if axis.name == loop)
    return realise(state.edit(axis, lambda node: replace(node, kind=kind)))
