"""Who judges a state: the judge of its declaration, and that of the one before."""

from __future__ import annotations

from dataclasses import replace

from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.rewrites import other_value
from texpr.schedule.realise import realise
from texpr.schedule.state import State


def judge_of(state: State) -> Judge:
    """Return the judge of the program as declared, with the stages of ``state`` inlined.

    It is made once for every set of inlined stages and shared by all states of a declaration.
    """
    judges = state.declared.judges
    found = judges.get(state.inlined)
    if found is None:
        plain = State(state.declared, state.declared.tree, inlined=state.inlined)
        found = judges[state.inlined] = Judge(realise(plain))
    return found


def rewrite_fault(state: State) -> Finding | None:
    """Return why the last rewrite of values may change one, None where it does not."""
    declared = state.declared
    if declared.before is None or declared.witness is None:
        return None
    before = replace(state, declared=declared.before)
    return other_value(judge_of(before), judge_of(state), declared.witness)
