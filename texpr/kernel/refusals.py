"""What the language of kernels leaves out, and what to write instead."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import Any, Final

STATEMENTS: Final[Mapping[type[ast.stmt], tuple[str, str]]] = {
    ast.While: (
        "nothing says how often a while loop runs",
        "write for … in range(…), with an if for what ends early",
    ),
    ast.Break: (
        "break ends a loop that has a fixed number of iterations",
        "put what must not run any more under an if",
    ),
    ast.Continue: (
        "continue leaves an iteration before its end",
        "put the rest of the body under an if",
    ),
    ast.Return: (
        "a kernel returns nothing",
        "write results into arguments, and put what must not run under an if",
    ),
    ast.Assert: (
        "assert stops a kernel in the middle",
        "write texpr.require(condition) at its start, which is checked at every call",
    ),
    ast.Raise: (
        "a kernel raises nothing",
        "write texpr.require(condition) at its start for what must hold",
    ),
    ast.Try: ("a kernel raises nothing that could be caught", "leave the try out"),
    ast.With: ("with has no meaning in a kernel", "put it around the call of the kernel"),
    ast.FunctionDef: (
        "a function cannot be defined in a kernel",
        "write its body where it is called",
    ),
    ast.ClassDef: ("a class cannot be defined in a kernel", "define it outside"),
    ast.Import: ("import has no meaning in a kernel", "import at the top of the file"),
    ast.ImportFrom: ("import has no meaning in a kernel", "import at the top of the file"),
    ast.Global: (
        "a kernel cannot change global variables",
        "pass an array and write into it",
    ),
    ast.Nonlocal: (
        "a kernel cannot change variables of an enclosing function",
        "pass an array and write into it",
    ),
    ast.Delete: ("del has no meaning in a kernel", "leave it out"),
    ast.AnnAssign: (
        "a local variable has the type of what is assigned to it",
        "write it as a cast, s = texpr.f64(0.0)",
    ),
}
"""By the kind of statement: what is wrong, and what to write instead."""

_NO_OBJECTS = "a kernel computes with numbers and arrays alone"

EXPRESSIONS: Final[Mapping[type[ast.expr], tuple[str, str]]] = {
    ast.ListComp: ("a comprehension makes a list", "write the loop"),
    ast.SetComp: ("a comprehension makes a set", "write the loop"),
    ast.DictComp: ("a comprehension makes a dict", "write the loop"),
    ast.GeneratorExp: ("a generator is an object", "write the loop"),
    ast.Lambda: ("a lambda is an object", "write the expression where it is used"),
    ast.Await: ("a kernel is no coroutine", "leave await out"),
    ast.Yield: ("a kernel is no generator", "write results into an argument"),
    ast.YieldFrom: ("a kernel is no generator", "write results into an argument"),
    ast.NamedExpr: ("an expression of a kernel assigns nothing", "assign on a line of its own"),
    ast.JoinedStr: (_NO_OBJECTS, "leave the string out"),
    ast.List: (_NO_OBJECTS, "use texpr.empty for a local array"),
    ast.Set: (_NO_OBJECTS, "use texpr.empty for a local array"),
    ast.Dict: (_NO_OBJECTS, "use texpr.empty for a local array"),
    ast.Tuple: (
        "a tuple stands where one value is wanted",
        "assign its parts one by one, a, b = x, y",
    ),
    ast.Starred: ("* unpacks an object", "write the elements"),
    ast.Slice: (
        "a slice stands where one element is wanted",
        "write a loop over the elements",
    ),
}
"""By the kind of expression: what is wrong, and what to write instead."""


def statement_refusal(node: ast.stmt) -> tuple[str, str]:
    """Return what is wrong with a statement that kernels do not have, and what to write."""
    known = STATEMENTS.get(type(node))
    if known is not None:
        return known
    word = type(node).__name__.lower().removeprefix("async")
    return f"{word} is not part of the language of kernels", "use for, if and assignments"


def expression_refusal(node: ast.expr) -> tuple[str, str]:
    """Return what is wrong with an expression that kernels do not have, and what to write."""
    if isinstance(node, ast.Constant):
        return f"{node.value!r} is no number; {_NO_OBJECTS}", "write a number"
    known = EXPRESSIONS.get(type(node))
    if known is not None:
        return known
    word = type(node).__name__.lower()
    return f"{word} is not part of the language of kernels", "use numbers, elements and operators"


def call_refusal(called: Any, text: str) -> tuple[str, str]:
    """Return what is wrong with calling the object ``called``, written as ``text``."""
    loops: tuple[object, ...] = (
        builtins.sum, builtins.any, builtins.all, builtins.sorted, builtins.map, builtins.filter,
    )  # fmt: skip
    ranges: tuple[object, ...] = (
        builtins.range, builtins.enumerate, builtins.zip, builtins.reversed,
    )  # fmt: skip
    if called is builtins.print:
        return "print has no meaning in a kernel", "write into an array and print that afterwards"
    if any(called is loop for loop in loops):
        return f"{text} runs over an object", "write the loop"
    if any(called is maker for maker in ranges):
        return f"{text} makes an object", "use range(…) in a for loop alone"
    if hasattr(called, "with_requirements"):
        return f"{text} is a kernel, and a kernel calls no other", "call one after the other"
    if isinstance(called, type):
        return f"{text} makes an object; {_NO_OBJECTS}", "pass numbers and arrays as arguments"
    return (
        f"{text} is not a function that kernels know",
        "write its body here, or use a function of te, math or NumPy such as te.exp",
    )
