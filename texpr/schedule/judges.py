"""Who judges a state: the judge of its declaration, and that of the one before."""

from __future__ import annotations

from dataclasses import replace

from texpr.polyhedral.homes import Rehomed, home_fault
from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.layouts import LaidOut, layout_fault
from texpr.polyhedral.rewrites import Cached, other_value
from texpr.schedule.realise import realise
from texpr.schedule.state import State


def judge_of(state: State) -> Judge:
    """Return the judge of the program as declared, with the stages of ``state`` inlined.

    It is made once for every set of inlined stages and shared by all states of a declaration.
    """
    judges = state.declared.judges
    key = (state.inlined,)
    found = judges.get(key)
    if found is None:
        plain = State(state.declared, state.declared.tree, inlined=state.inlined)
        found = judges[key] = Judge(realise(plain))
    return found


def rewrite_fault(state: State) -> tuple[Judge, Finding] | None:
    """Return why the last rewrite of values may change one, with the judge of what was before.

    None where it changes none. A cache is compared with its array, so that a stage which is inlined
    computes it for that.
    """
    declared, witness = state.declared, state.declared.witness
    if declared.before is None or witness is None:
        return None
    if isinstance(witness, LaidOut):  # the declarations are one tree, inlined or not
        before = judge_of(replace(state, declared=declared.before))
        analysis = before.scop.analysis
        fault = layout_fault(declared.before.program, declared.program, witness, analysis)
        return None if fault is None else (before, Finding("instances", None, missing=fault))
    if isinstance(witness, Rehomed):
        before = judge_of(replace(state, declared=declared.before, inlined=frozenset()))
        finding = home_fault(before, declared.before.program, declared.program, witness)
        is_assumed = finding is not None and not finding.is_certain and finding.dependence
        if finding is None or (is_assumed and witness.new in state.assumed):
            return None
        return before, finding
    if isinstance(witness, Cached):
        arrays = set(witness.arrays.values())
        computing = {
            name
            for name, stage in declared.stages.items()
            if arrays.intersection(stage.block.written_buffers)
        }
        state = replace(state, inlined=state.inlined - computing)
    before = judge_of(replace(state, declared=declared.before))
    finding = other_value(before, judge_of(state), witness, state.assumed)
    return None if finding is None else (before, finding)
