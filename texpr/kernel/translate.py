"""The straight line from a Python function to a Program."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any, Final

from texpr.errors import KernelError, TexprError
from texpr.ir.expr import Expr
from texpr.ir.program import FloatPolicy, Program, Seq
from texpr.kernel.declare import REQUIREMENTS
from texpr.kernel.expressions import Expressions
from texpr.kernel.outside import Outside
from texpr.kernel.parameters import Parameters
from texpr.kernel.scalars import Owner, Scalar, find_scalars
from texpr.kernel.source import Source
from texpr.kernel.statements import Translation
from texpr.kernel.syntax import Assign, For, NewArray, Reader, Statement, names_written, statements
from texpr.kernel.types import ScalarType

EXACT: Final = FloatPolicy(order="exact")
"""A kernel declares the order of its operations."""


def program_of(function: FunctionType, around: Mapping[str, Any]) -> Program:
    """Return the program that a function says.

    Parameters
    ----------
    function : function
    around : mapping
        What else the names in its annotations may mean, beside what the function sees.

    Raises
    ------
    KernelError
        Something that is not of the language of kernels.
    TexprError
        Types, shapes or subscripts that do not fit.
    """
    source = Source(function)
    parameters = Parameters(function, source, Outside(function, around))
    names = Expressions(source, parameters, Outside(function))
    names.local = assigned_names(source)
    body = Reader(source, names.object_of, names.known).read()
    check_names(names, body)
    scalars, written = find_scalars(body), names_written(body)
    types = scalar_types(names, scalars, written, body)
    translation = Translation(names, scalars, types, written, is_final=True)
    tree = translation.body(None, body)
    requirements = [*outer_requirements(function, names), *translation.requirements]
    return Program(
        source.name,
        parameters.args,
        Seq(()) if tree is None else tree,
        tuple(requirements),
        float_policy=EXACT,
    )


def assigned_names(source: Source) -> dict[str, str]:
    """Return the names that Python takes to be local, with a word for what they are."""
    found: dict[str, str] = {}
    loops = {
        node.target.id
        for node in ast.walk(source.function)
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
    }
    for part in source.function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = "loop variable" if node.id in loops else "variable"
    return found


def check_names(names: Expressions, body: Sequence[Statement]) -> None:
    """Refuse names that stand for two kinds of things, and note which are local arrays."""
    arrays: set[str] = set()
    kinds = dict(names.local)
    for statement in statements(body):
        if isinstance(statement, NewArray):
            if statement.name in arrays:
                what = f"{statement.name} is a local array already"
                raise names.refusal(statement.node, what, "give this one a name of its own")
            arrays.add(statement.name)
            kinds[statement.name] = "local array"
    for statement in statements(body):
        targets: list[tuple[ast.AST, str, str]] = []
        if isinstance(statement, For):
            targets = [(statement.node.target, statement.name, "loop variable")]
        elif isinstance(statement, NewArray):
            targets = [(statement.node.targets[0], statement.name, "local array")]
        elif isinstance(statement, Assign):
            targets = [(t, t.id, "variable") for t in statement.targets if isinstance(t, ast.Name)]
        for node, name, kind in targets:
            if name in names.parameters.named or name in names.parameters.by_text:
                is_size = name not in names.parameters.named
                what = f"{name} is {'a size' if is_size else 'an argument'} of the kernel"
                raise names.refusal(node, what, "assign to elements of arrays, or to another name")
            if kinds[name] != kind:
                what = f"{name} is a {kinds[name]} elsewhere in this kernel"
                raise names.refusal(node, what, "use two names")
    names.local = kinds


def scalar_types(
    names: Expressions,
    scalars: Mapping[Owner, Sequence[Scalar]],
    written: set[str],
    body: Sequence[Statement],
) -> dict[Scalar, ScalarType]:
    """Return the types of scalars that their assignments agree on.

    An assignment may read other scalars, so the statements are walked until nothing changes.
    """
    types: dict[Scalar, ScalarType] = {}
    count = sum(map(len, scalars.values()))
    for _ in range(2 * count + 2 if count else 0):
        walk = Translation(names, scalars, types, written, is_final=False)
        walk.body(None, body)
        if walk.found == types:
            break
        types = walk.found
    return types


def outer_requirements(function: FunctionType, names: Expressions) -> list[Expr]:
    """Return the conditions of ``@texpr.require`` below ``@texpr.kernel``."""
    found = []
    for condition in getattr(function, REQUIREMENTS, ()):
        try:
            found.append(names.parameters.own(condition, "require"))
        except TexprError as error:
            raise names.source.error(KernelError, names.source.function, str(error)) from None
    return found
