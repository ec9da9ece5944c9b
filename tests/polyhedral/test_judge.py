"""The judge against a brute-force one, on random programs and random schedules."""

from __future__ import annotations

import contextlib
import random
from functools import partial

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

import texpr
from tests.polyhedral.brute_force import computes_the_same, keeps_every_dependence
from tests.polyhedral.loop_programs import MAX_SIZE, ROOM, loop_programs
from tests.schedule.test_random_schedules import PROGRAMS
from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.interpreter import interpret
from texpr.ir.program import Program
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.rewrites import Parted
from texpr.polyhedral.verdict import verdict_on
from texpr.schedule import Schedule
from texpr.schedule.judges import judge_of
from texpr.schedule.primitives import PRIMITIVES
from texpr.schedule.primitives.compute_at import settled
from texpr.schedule.realise import realise
from texpr.schedule.state import State, initial_state

# Who runs an iteration of a parallel loop says nothing of the order, nor do notes.
ORDERING = sorted(set(PRIMITIVES) - {"pragma", "annotate", "unannotate"})

# They move stages, or make another program, which is compared with the one before: no other order.
OTHER_DECLARATIONS = (
    "compute",
    "cache",
    "rfactor",
    "merge_reduction",
    "reverse_compute",
    "transform_layout",
    "storage_align",
    "set_scope",
    "expand",
    "privatize",
    "store",
    "rolling",
)


def proposed(program: Program, seed: int, count: int) -> tuple[State, Program]:
    """Apply random primitives without asking any judge; mark some loops parallel or vectorized."""
    source, state = random.Random(seed), initial_state(program)
    realised = program
    for _ in range(count):
        stage = source.choice(sorted(state.declared.stages))
        name = source.choice(ORDERING)
        proposal = PRIMITIVES[name].sample(state, stage, source)
        if proposal is None or name.startswith(OTHER_DECLARATIONS):
            continue
        try:
            changed, _ = PRIMITIVES[name].apply(state, stage, *proposal[0], **proposal[1])
            realised = realise(changed)
        except ScheduleError:
            continue
        state = changed
    return state, joined(state, realised)


def joined(state: State, program: Program) -> Program:
    """Return ``program`` with the declared statements in the place of the parts of their loops."""
    declared = state.declared
    while declared.before is not None:
        assert isinstance(declared.witness, Parted)
        declared, witness = declared.before, declared.witness
        program = witness.joined(program, declared.program)
    return program


@given(loop_programs(), st.integers(0, 1 << 30), st.integers(1, 4))
@settings(max_examples=2000)
def test_the_judge_agrees_with_brute_force(program: Program, seed: int, count: int) -> None:
    state, new = proposed(program, seed, count)
    judge = Judge(program)
    finding = judge.first_fault(new)
    free = program.float_policy.order != "exact"
    (n,) = program.scalars
    broken = {
        size: keeps_every_dependence(program, new, {n: size}, free=free)
        for size in range(MAX_SIZE + 1)
    }
    if finding is None:
        event("accepted")
        for size, pair in broken.items():
            assert pair is None, f"accepted, but at n={size} {pair} is broken:\n{program}\n{new}"
        return
    event("refused")
    verdict = verdict_on(judge, finding, "this schedule")
    if state.declared.before is not None and "what its loops run is not known" in str(verdict):
        # Put together again, which nobody does but here: pieces of it are parts by their number.
        event("not known")
        return
    if finding.dependence is None:  # of an instance that may not run again
        assert "its loops run some instance twice" in str(verdict), verdict
        assert any(broken.values()), f"refused, but nothing is broken:\n{verdict}\n{program}\n{new}"
        return
    assert finding.is_certain, verdict
    assert verdict.sizes is not None, verdict
    pair = broken[verdict.sizes.get("n", 0)]
    assert pair is not None, f"refused, but nothing is broken:\n{verdict}\n{program}\n{new}"


PLACING = ("compute_at", "compute_at", "reverse_compute_at", "store_at", "store_root",
           "rolling_buffer", "compute_inline", "compute_root")  # fmt: skip
PLACED = ("stencil", "stencils", "convolution", "recurrence", "matrix_product", "triangle",
          "one_axis_for_two_stages", "diagonals")  # fmt: skip


def placed(program: str, n: int, m: int, seed: int, count: int) -> tuple[State, Program]:
    """Apply random primitives, mostly those that place stages, without asking any judge."""
    source = random.Random(seed)
    outputs, _, _ = PROGRAMS[program](np.random.default_rng(seed), lambda size: size, n, m)
    state = te.create_schedule([tensor.op for tensor in outputs]).state
    realised = realise(state)
    for _ in range(count):
        stage = source.choice(sorted(state.declared.stages))
        name = source.choice(PLACING if source.random() < 0.6 else ORDERING)
        proposal = PRIMITIVES[name].sample(state, stage, source)
        if proposal is None or (name not in PLACING and name.startswith(OTHER_DECLARATIONS)):
            continue
        try:
            changed, _ = PRIMITIVES[name].apply(state, stage, *proposal[0], **proposal[1])
            changed = settled(changed)
            realised = realise(changed)
        except ScheduleError:
            continue
        state = changed
    return state, realised


@given(
    program=st.sampled_from(PLACED),
    n=st.integers(0, 4),
    m=st.integers(0, 4),
    seed=st.integers(0, 1 << 30),
    count=st.integers(1, 8),
)
@settings(max_examples=150)
def test_the_judge_of_places_agrees_with_brute_force(program, n, m, seed, count) -> None:
    state, new = placed(program, n, m, seed, count)
    judge = judge_of(state)
    finding = judge.first_fault(new)
    broken = computes_the_same(judge.scop.program, new, {}, once=finding is not None)
    event(f"{'accepted' if finding is None else finding.fault}, {len(state.stored) > 0}")
    if finding is None:
        assert broken is None, f"accepted, but {broken}:\n{judge.scop.program}\n{new}"
    elif finding.is_certain:
        verdict = verdict_on(judge, finding, "this schedule")
        assert broken is not None, f"refused, but nothing is broken:\n{verdict}\n{new}"


@given(loop_programs(), st.integers(0, 1 << 30), st.integers(1, 5), st.integers(0, 5))
@settings(max_examples=100)
def test_what_is_accepted_computes_the_same(
    program: Program, seed: int, count: int, size: int
) -> None:
    s = Schedule(program)
    source = random.Random(seed)
    for _ in range(count):
        stage = source.choice(sorted(s.state.declared.stages))
        name = source.choice(sorted(PRIMITIVES))
        proposal = PRIMITIVES[name].sample(s.state, stage, source)
        if proposal is not None:
            with contextlib.suppress(ScheduleError):
                getattr(s[stage], name)(*proposal[0], **proposal[1])
    assert not s.state.waiting, "these programs have no scratch to be moved"
    rng = np.random.default_rng(seed)
    start = [rng.integers(-3, 4, (ROOM,) * buffer.ndim).astype(float) for buffer in program.buffers]
    readings = []
    kernel = texpr.build(s, list(program.args))
    for run in (partial(interpret, program), partial(interpret, s.program), kernel):
        arrays = [array.copy() for array in start]
        with np.errstate(all="ignore"):
            run(size, *arrays)
        readings.append(arrays)
    declared, scheduled, machine = readings
    for a, b, c in zip(declared, scheduled, machine, strict=True):
        exact = program.float_policy.order == "exact"
        tolerance = 0 if exact else 1e-9
        np.testing.assert_allclose(b, a, rtol=tolerance, err_msg=f"{program}\n{s}")
        np.testing.assert_allclose(c, b, rtol=1e-9, err_msg=f"{program}\n{s}")
