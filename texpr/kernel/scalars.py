"""Where the scalars of a kernel live, and how long.

Python has one variable ``t`` for a whole function. A loop whose body never reads a ``t`` from
before its iteration, and whose ``t`` nobody reads afterwards, has one of its own in each
iteration, which makes its iterations independent of each other. So a name may stand for several
:class:`Scalar`; each belongs to the body of a loop or to the whole kernel.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from texpr.kernel.syntax import (
    Assign,
    Branch,
    Demand,
    For,
    NewArray,
    Statement,
    names_read,
    statements,
)

Owner: TypeAlias = For | None
"""A loop, whose body it is, or the whole kernel."""


@dataclass(eq=False)
class Scalar:
    """A local variable for a number: its name, and the assignments that write it.

    ``is_exposed``: something may read it before anything was assigned.
    """

    name: str
    is_exposed: bool
    writes: list[Assign] = field(default_factory=list)

    @property
    def is_assigned_once(self) -> bool:
        """Whether one assignment gives it the only value that is ever read."""
        return not self.is_exposed and len(self.writes) == 1 and self.writes[0].operator is None


def scalar_names(body: Sequence[Statement]) -> set[str]:
    """Return the names that are assigned to as a whole."""
    return {
        target.id
        for statement in statements(body)
        if isinstance(statement, Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def find_scalars(body: Sequence[Statement]) -> dict[Owner, list[Scalar]]:
    """Return the scalars of a kernel by the body that they belong to."""
    found: dict[Owner, list[Scalar]] = {}
    accesses = _Accesses()
    for name in sorted(scalar_names(body)):
        for owner, scalar in _Lives(name, accesses).find(body).items():
            found.setdefault(owner, []).append(scalar)
    return found


class _Accesses:
    """The names that each statement itself reads and writes, without those inside it."""

    def __init__(self) -> None:
        self._known: dict[Statement, tuple[set[str], set[str]]] = {}

    def of(self, statement: Statement) -> tuple[set[str], set[str]]:
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = _accesses(statement)
        return known


def _accesses(statement: Statement) -> tuple[set[str], set[str]]:
    if isinstance(statement, Assign):
        written = {target.id for target in statement.targets if isinstance(target, ast.Name)}
        read = names_read(*statement.values, *statement.targets)
        return (read | written if statement.operator else read), written
    if isinstance(statement, For):
        return names_read(*statement.bounds), set()
    if isinstance(statement, Branch):
        return names_read(statement.test), set()
    if isinstance(statement, NewArray):
        return names_read(statement.shape, statement.dtype), set()
    assert isinstance(statement, Demand)
    return names_read(*statement.conditions), set()


@dataclass(frozen=True)
class _Flow:
    """Whether a piece of a kernel may read the variable before it writes it; surely writes it."""

    is_exposed: bool = False
    is_written: bool = False

    def then(self, after: _Flow) -> _Flow:
        return _Flow(
            self.is_exposed or (after.is_exposed and not self.is_written),
            self.is_written or after.is_written,
        )


class _Lives:
    """The lives of one name."""

    def __init__(self, name: str, accesses: _Accesses) -> None:
        self.name, self.accesses = name, accesses
        self.flows: dict[Statement, _Flow] = {}
        self.found: dict[Owner, Scalar] = {}

    def find(self, body: Sequence[Statement]) -> dict[Owner, Scalar]:
        whole = self.flow(body)
        self.walk(body, False, None, whole.is_exposed)
        return self.found

    def flow(self, body: Sequence[Statement]) -> _Flow:
        result = _Flow()
        for statement in body:
            result = result.then(self.flow_of(statement))
        return result

    def flow_of(self, statement: Statement) -> _Flow:
        known = self.flows.get(statement)
        if known is not None:
            return known
        read, written = self.accesses.of(statement)
        own = _Flow(self.name in read, self.name in written)
        if isinstance(statement, For):  # the body may not run at all
            own = _Flow(own.is_exposed or self.flow(statement.body).is_exposed)
        elif isinstance(statement, Branch):
            then, orelse = self.flow(statement.then), self.flow(statement.orelse)
            own = _Flow(
                own.is_exposed or then.is_exposed or orelse.is_exposed,
                then.is_written and orelse.is_written,
            )
        self.flows[statement] = own
        return own

    def walk(
        self, body: Sequence[Statement], is_live_after: bool, owner: Owner, is_exposed: bool
    ) -> None:
        """Give every access in ``body`` an owner, last statement first."""
        is_live = is_live_after
        for statement in reversed(body):
            flow = self.flow_of(statement)
            if isinstance(statement, For):
                inside = self.flow(statement.body)
                stays = inside.is_exposed or is_live
                if stays:
                    self.walk(statement.body, True, owner, is_exposed)
                else:
                    self.walk(statement.body, False, statement, False)
            elif isinstance(statement, Branch):
                self.walk(statement.orelse, is_live, owner, is_exposed)
                self.walk(statement.then, is_live, owner, is_exposed)
            read, written = self.accesses.of(statement)
            if self.name in read or self.name in written:
                scalar = self.found.get(owner)
                if scalar is None:
                    scalar = self.found[owner] = Scalar(self.name, is_exposed)
                if self.name in written:
                    assert isinstance(statement, Assign)
                    scalar.writes.insert(0, statement)
            is_live = flow.is_exposed or (is_live and not flow.is_written)
