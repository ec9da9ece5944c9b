"""Inlined stages: their values, put where their elements are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from texpr.ir.expr import Expr, Load, Var
from texpr.ir.program import Block
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.schedule.state import StageDecl, State


class _Inline(Rewriter):
    """Puts the value of an inlined stage where its element is read."""

    def __init__(self, rules: Mapping[int, tuple[tuple[Var, ...], Expr]]) -> None:
        self.rules = rules

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        rule = self.rules.get(id(node.buffer))
        if rule is None:
            return node.rebuild(indices)
        iters, value = rule
        return substitute(value, dict(zip(iters, indices, strict=True)))


def inlined_stages(state: State) -> tuple[Mapping[str, StageDecl], _Inline | None]:
    """Return the stages that run, with the inlined ones put into their readers, and what puts.

    That hangs on nothing but which stages are inlined, and is kept.
    """
    kept = state.declared.inlined
    key = (state.inlined,)
    found: tuple[Mapping[str, StageDecl], _Inline | None] | None = kept.get(key)
    if found is None:
        found = kept[key] = _inlined(state)
    return found


def _inlined(state: State) -> tuple[dict[str, StageDecl], _Inline | None]:
    rules: dict[int, tuple[tuple[Var, ...], Expr]] = {}
    running: dict[str, StageDecl] = {}
    for name, stage in state.declared.stages.items():
        if rules:
            rewriter = _Inline(rules)
            init = stage.init and cast(Block, rewriter.rewrite_stmt(stage.init))
            block = cast(Block, rewriter.rewrite_stmt(stage.block))
            stage = replace(stage, block=block, init=init)  # noqa: PLW2901 - as readers see it
        if name in state.inlined:
            (store,) = stage.block.stores
            own = tuple(cast(Var, index) for index in store.indices)
            rules[id(store.buffer)] = (own, store.value)
        else:
            running[name] = stage
    return running, _Inline(rules) if rules else None
