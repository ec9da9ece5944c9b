"""Every access in bounds: proven, refused, or left to be checked when it runs."""

from __future__ import annotations

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from texpr import te
from texpr.errors import BoundsError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32, FLOAT64, INT32, INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, cast, const
from texpr.ir.functions import all_of, any_of, if_then_else, select
from texpr.ir.interpreter import interpret
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    TRUE,
    ZERO,
    Block,
    If,
    Let,
    Location,
    Loop,
    Program,
    Store,
    blocks,
    seq,
)  # fmt: skip
from texpr.ir.visitor import substitute
from texpr.polyhedral.bounds import OutOfBoundsError, check_bounds
from texpr.polyhedral.subscripts import subscripts

n, m, k = (Var(name, is_size=True) for name in "nmk")


def program_of(*tensors) -> Program:
    return te.create_schedule([tensor.op for tensor in tensors]).program


def kinds(program: Program, **options) -> list[str]:
    return [found.answer.kind for found in subscripts(program, **options)]


def answers(program: Program) -> dict[str, str]:
    """Return every access that is not proven, as text, with its answer."""
    found = {}
    for subscript in subscripts(program):
        if subscript.answer.kind != "proven":
            load = Load(subscript.access.buffer, subscript.access.indices)
            found[f"{load}.{subscript.dimension}"] = subscript.answer.kind
    return found


def checked(program: Program) -> list[str]:
    """Return what ``check_bounds`` leaves to machine code."""
    return [
        f"{block.label}: {buffer.name}.{dimension} {index}"
        for block in blocks(check_bounds(program).body)
        for buffer, dimension, index in block.checked
    ]


def matmul(rows, columns, depth):
    A, B = te.placeholder((rows, depth), name="A"), te.placeholder((depth, columns), name="B")
    r = te.reduce_axis((0, depth), name="r")
    return te.compute((rows, columns), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")


def conv2d(count, channels, height, width, features, size):
    data = te.placeholder((count, channels, height, width), name="data")
    kernel = te.placeholder((features, channels, size, size), name="kernel")
    half = size // 2

    def padded(b, c, y, x):
        inside = te.all(y >= half, y - half < height, x >= half, x - half < width)
        return te.if_then_else(inside, data[b, c, y - half, x - half], 0.0)

    pad = te.compute((count, channels, height + 2 * half, width + 2 * half), padded, name="pad")
    c, v, u = (te.reduce_axis((0, end), name=name) for end, name in
               ((channels, "c"), (size, "v"), (size, "u")))  # fmt: skip
    return te.compute(
        (count, features, height, width),
        lambda b, f, y, x: te.sum(pad[b, c, y + v, x + u] * kernel[f, c, v, u], axis=[c, v, u]),
        name="conv",
    )


# ---------------------------------------------------------------- proven


@pytest.mark.parametrize(
    "tensor",
    [
        matmul(16, 16, 16),
        matmul(n, m, k),
        matmul(te.var("rows"), 7, te.var("depth")),
        conv2d(1, 8, 14, 14, 8, 3),
        conv2d(1, n, m, m, k, 3),
        conv2d(te.var("b"), te.var("c"), te.var("h"), te.var("w"), te.var("f"), 5),
    ],
)
def test_usual_programs_are_proven(tensor):
    program = program_of(tensor)
    assert set(kinds(program)) == {"proven"}
    assert check_bounds(program) is program


def test_a_scheduled_program_is_proven_as_the_declared_one():
    C = conv2d(1, n, m, m, k, 3)
    s = te.create_schedule(C.op)
    b, f, y, x = C.op.axis
    x_o, x_i = s[C].split(x, factor=8)
    s[C].reorder(b, y, x_o, f, x_i)
    s[C].vectorize(x_i)
    assert check_bounds(s.program) is s.program


def test_a_guard_proves_what_select_does_not():
    A = te.placeholder((n,), name="A")
    lazy = te.compute((n,), lambda i: te.if_then_else(i > 0, A[i - 1], 0.0), name="B")
    assert set(kinds(program_of(lazy))) == {"proven"}
    eager = te.compute((n,), lambda i: te.select(i > 0, A[i - 1], 0.0), name="B")
    assert answers(program_of(eager)) == {"A[i - 1].0": "violated"}
    flags = te.placeholder((n,), "bool", name="flags")
    short = te.compute((n,), lambda i: te.all(i < n - 1, flags[i + 1]), name="B")
    assert set(kinds(program_of(short))) == {"proven"}
    other = te.compute((n,), lambda i: te.any(i >= n - 1, flags[i + 1]), name="B")
    assert set(kinds(program_of(other))) == {"proven"}
    wrong = te.compute((n,), lambda i: te.all(flags[i + 1], i < n - 1), name="B")
    assert answers(program_of(wrong)) == {"flags[i + 1].0": "violated"}


def test_where_of_a_reduction_guards_what_it_reads():
    A = te.placeholder((8,), name="A")
    r = te.reduce_axis((0, 9), name="r")
    fine = te.compute((4,), lambda i: te.sum(A[i + r], axis=r, where=i + r < 8), name="B")
    assert set(kinds(program_of(fine))) == {"proven"}
    wrong = te.compute((4,), lambda i: te.sum(A[i + r], axis=r, where=i + r < 9), name="B")
    assert answers(program_of(wrong)) == {"A[i + r].0": "violated"}


def test_a_byte_is_an_index_of_a_table_of_256():
    image = te.placeholder((n, m), "uint8", name="image")
    table = te.placeholder((256,), name="table")
    B = te.compute((n, m), lambda i, j: table[image[i, j]], name="B")
    assert set(kinds(program_of(B))) == {"proven"}
    signed = te.placeholder((n, m), "int8", name="image")
    C = te.compute((n, m), lambda i, j: table[signed[i, j]], name="C")
    assert set(kinds(program_of(C))) == {"proven", "undecided"}


def test_what_is_never_evaluated_is_in_bounds():
    A = te.placeholder((0,), name="A")
    B = te.compute((0,), lambda i: A[i + 5], name="B")
    assert set(kinds(program_of(B))) == {"proven"}
    idx = te.placeholder((n,), "int32", name="idx")
    C = te.compute((n,), lambda i: te.if_then_else(i > n, idx[idx[i]], 0), name="C")
    assert set(kinds(program_of(C))) == {"proven"}


# ---------------------------------------------------------------- refused


def message(program: Program) -> str:
    with pytest.raises(BoundsError) as info:
        check_bounds(program)
    assert isinstance(info.value, OutOfBoundsError)
    assert isinstance(info.value, IndexError)
    assert info.value.subscript.answer.kind in ("violated", "undecided")
    return re.sub(r" \(\S*?(\w+\.py):\d+\)", r" (\1:LINE)", str(info.value))


def test_the_text_of_a_refusal_at_known_sizes():
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i + 1], name="B")
    assert message(program_of(B)) == (
        "bounds: B[i] = A[i + 1] (test_bounds.py:LINE): at i=7 it reads A[i + 1], which is A[8], "
        "but dimension 0 of A runs over 0..7; shorten the loops such that i + 1 < 8, or guard the "
        "read, if_then_else(i + 1 < 8, ..., 0)"
    )


def test_the_text_of_a_refusal_at_every_size():
    A, C = te.placeholder((n, m), name="A"), te.placeholder((), name="C")
    B = te.compute((n, m), lambda i, j: A[i, j - 1] + C[()], name="B")
    assert message(program_of(B)) == (
        "bounds: B[i, j] = A[i, j - 1] + C[()] (test_bounds.py:LINE): with n=1, m=1, at i=0, j=0 "
        "it reads A[i, j - 1], which is A[0, -1], but dimension 1 of A runs over 0..0, and so at "
        "every size; shorten the loops such that j - 1 >= 0, or guard the read, "
        "if_then_else(j - 1 >= 0, ..., 0)"
    )


def test_an_empty_array_has_nothing_to_read():
    A = te.placeholder((0, 4), name="A")
    B = te.compute((3,), lambda i: A[i, 0], name="B")
    assert "at i=0 it reads A[i, 0], which is A[0, 0], but dimension 0 of A is empty;" in message(
        program_of(B)
    )


def test_a_long_statement_is_cut():
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: sum(A[i] * float(q) for q in range(40)) + A[i + 1], name="B")
    text = message(program_of(B))
    assert re.search(r"A\[i\].*\.\.\. \(test_bounds\.py:LINE\): at i=7 it reads", text)


def test_the_smallest_sizes_are_named():
    A = te.placeholder((n * 4, m), name="A")
    B = te.compute((n, m), lambda i, j: A[i * 4 + 5, j], name="B")
    text = message(program_of(B))
    assert "with n=1, m=1, at i=0, j=0 it reads A[i*4 + 5, j], which is A[5, 0], but " in text
    assert "runs over 0..3, and so at every size;" in text


def test_other_subscripts_of_the_access_may_be_data():
    A = te.placeholder((8, 8), name="A")
    idx = te.placeholder((8,), "int64", name="idx")
    B = te.compute((8,), lambda i: A[idx[i], i + 1], name="B")
    assert "at i=7 it reads A[idx[i], i + 1], which is A[idx[i], 8], but" in message(program_of(B))


def axis(name: str, lower, upper) -> IterVar:
    ends = [const(end) if isinstance(end, int) else end for end in (lower, upper)]
    return IterVar(name, (ends[0], ends[1]))


def nest(*parts, requirements=(), args=(), guard=None) -> Program:
    """Return a program of statements (axes, store) or (axes, store, predicate), each in loops."""
    nests = []
    for number, (axes, store, *predicate) in enumerate(parts):
        loops = [Var(a.name) for a in axes]
        at = {a.var: loop for a, loop in zip(axes, loops, strict=True)}
        body = Block(
            f"S{number}", tuple(axes), tuple(loops), (store,), *predicate,
            location=Location("kernel.py", number + 3),
        )  # fmt: skip
        body = body if guard is None else If(substitute(guard, at), body)
        for a, loop in reversed(list(zip(axes, loops, strict=True))):
            body = Loop(loop, substitute(a.lower, at), substitute(a.upper, at), body)
        nests.append(body)
    return Program("main", tuple(args), seq(*nests), tuple(requirements))


A = Buffer("A", (n,), FLOAT32)
B = Buffer("B", (n,), FLOAT32)
M = Buffer("M", (n, n), FLOAT32)
ONE = const(1, "float32")


def test_a_write_is_told_to_stay_inside():
    i = axis("i", 0, n)
    program = nest(([i], Store(A, (i.var + 1,), Load(B, (i.var,)))), args=(A, B))
    assert message(program) == (
        "bounds: A[i + 1] = B[i] (kernel.py:LINE): with n=1, at i=0 it writes A[i + 1], which is "
        "A[1], but dimension 0 of A runs over 0..0, and so at every size; shorten the loops such "
        "that i + 1 < n, or write only where that holds"
    )


def test_the_predicate_of_a_block_guards():
    i = axis("i", 0, n)
    store = Store(A, (i.var + 1,), Load(B, (i.var,)))
    assert check_bounds(nest(([i], store, i.var < n - 1), args=(A, B)))
    assert "A[i + 1].0" in answers(nest(([i], store, i.var < n), args=(A, B)))
    # What the predicate itself reads is read first.
    condition = all_of([Load(B, (i.var + 1,)) > 0.0, i.var < n - 1])
    assert answers(nest(([i], store, condition), args=(A, B))) == {"B[i + 1].0": "violated"}


def test_an_if_around_the_block_guards():
    i = axis("i", 0, n)
    store = Store(A, (i.var + 1,), Load(B, (i.var,)))
    assert set(kinds(nest(([i], store), args=(A, B), guard=i.var < n - 1))) == {"proven"}
    program = nest(([i], store), args=(A, B), guard=i.var < n)
    assert answers(program) == {"A[i + 1].0": "violated"}
    data = nest(([i], store), args=(A, B), guard=Load(B, (i.var,)) > 0.0)
    assert answers(data) == {"A[i + 1].0": "undecided"}  # perhaps it never runs


def test_a_triangle():
    i = axis("i", 0, n)
    j = axis("j", i.var + 1, n)
    fine = Store(M, (i.var, j.var), Load(M, (j.var - i.var, j.var - 1)))
    assert set(kinds(nest(([i, j], fine), args=(M,)))) == {"proven"}
    wrong = Store(M, (i.var, j.var), Load(M, (i.var + j.var - n + 1, j.var)))
    program = nest(([i, j], wrong), args=(M,))
    assert answers(program) == {"M[i + j - n + 1, j].0": "undecided"}  # n = 2 is fine
    assert "M[3 - n, " not in str(answers(program))


def test_sizes_that_decide_are_left_to_run_time():
    source = te.placeholder((n,), name="A")
    program = program_of(te.compute((m,), lambda i: source[i], name="B"))
    (found,) = [s for s in subscripts(program) if s.answer.kind != "proven"]
    assert found.answer.reason == "the sizes decide"
    assert found.answer.example is not None
    assert {str(v): x for v, x in found.answer.example.values.items()} == {"i": 0, "n": 0, "m": 1}
    assert checked(program) == ["B: A.0 i"]
    i = axis("i", 0, m)
    copy = Store(Buffer("D", (m,), FLOAT32), (i.var,), Load(A, (i.var,)))
    known = nest(([i], copy), args=(A, copy.buffer), requirements=(m <= n,))
    assert check_bounds(known) is known
    fixed = te.compute((n,), lambda i: source[7], name="B")
    assert checked(program_of(fixed)) == ["B: A.0 7"]


def test_requirements_that_isl_cannot_hold():
    i = axis("i", 0, n)
    beyond = Store(A, (i.var,), Load(A, (i.var + 1,)))
    alpha = Var("alpha", FLOAT64)
    about_others = (alpha > 0.5, (m * k).equal(12))
    assert answers(nest(([i], beyond), args=(A,), requirements=about_others)) != {}
    assert "with n=1" in message(nest(([i], beyond), args=(A,), requirements=about_others))
    # It might say that n is 0 always: no size is known for certain at which this goes wrong.
    about_n = ((n * k).equal(0),)
    assert checked(nest(([i], beyond), args=(A,), requirements=about_n)) == ["S0: A.0 i + 1"]


def test_a_signed_parameter_is_no_size():
    offset = te.var("offset")
    source = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: source[i + offset], name="B")
    (found,) = [s for s in subscripts(program_of(B)) if s.answer.kind != "proven"]
    assert found.answer.example is not None
    assert list(found.answer.example.values.values()) in ([-1, 1, 0], [1, -1, 0])
    assert checked(program_of(B)) == ["B: A.0 i + offset"]


def test_extents_of_arguments_are_not_negative():
    size = te.var("size")
    source = te.placeholder((size,), name="A")
    B = te.compute((4,), lambda i: te.if_then_else(i < size, source[size - i - 1], 0.0), name="B")
    other = te.placeholder((size + 2,), name="D")
    C = te.compute((3,), lambda i: other[size + 1], name="C")
    assert set(kinds(program_of(B, C))) == {"proven"}


# ---------------------------------------------------------------- left to run time


def test_data_dependent_subscripts():
    source, idx = te.placeholder((n, m), name="A"), te.placeholder((k,), "int32", name="idx")
    B = te.compute((k, m), lambda i, j: source[idx[i], j], name="B")
    program = program_of(B)
    assert checked(program) == ["B: A.0 int64(idx[i])"]
    (found,) = [s for s in subscripts(program) if s.answer.kind != "proven"]
    assert found.answer.reason == "idx[i] is read from memory"
    assert str(found.index) == "int64(idx[i])"
    assert found.extent is n
    again = check_bounds(check_bounds(program))
    assert [block.checked for block in blocks(again.body)] == [
        block.checked for block in blocks(check_bounds(program).body)
    ]


def test_checks_are_listed_once_and_only_where_they_are_needed():
    source, idx = te.placeholder((n,), name="A"), te.placeholder((k,), "int64", name="idx")
    B = te.compute((k,), lambda i: source[idx[i]] * source[idx[i]] + source[idx[i] // 2], name="B")
    C = te.compute((k,), lambda i: B[i] + 1, name="C")
    assert checked(program_of(C)) == ["B: A.0 idx[i]", "B: A.0 idx[i]//2"]


def test_products_of_sizes_are_left_to_run_time():
    flat = Buffer("F", (n * m,), FLOAT32)
    i, j = axis("i", 0, n), axis("j", 0, m)
    program = nest(([i, j], Store(flat, (i.var * m + j.var,), const(0, "float32"))), args=(flat,))
    assert checked(program) == ["S0: F.0 i*m + j"]
    (found,) = subscripts(program)
    assert found.answer.reason == "i*m is a product of variables"


def test_an_expression_too_large_for_isl():
    source = te.placeholder((n,), name="A")

    def deep(i):
        index = i
        for q in range(2_000):
            index = Binary("min", index + q, n)
        return source[index]

    B = te.compute((n,), deep, name="B")
    (found,) = [s for s in subscripts(program_of(B)) if s.answer.kind != "proven"]
    assert found.answer.reason == "an expression is too large, more than 2000 nodes"
    assert len(checked(program_of(B))) == 1


def test_a_budget_that_does_not_suffice():
    program = program_of(conv2d(1, n, m, m, k, 3))
    assert set(kinds(program)) == {"proven"}
    poor = [s for s in subscripts(program, max_operations=5) if s.answer.kind != "proven"]
    assert {s.answer.kind for s in poor} == {"undecided"}
    assert {s.answer.reason for s in poor} == {"isl gave up after 5 operations"}
    count = sum(len(b.checked) for b in blocks(check_bounds(program, max_operations=5).body))
    assert count == 4  # rows and columns where pad reads data, and where conv reads pad
    wrong = program_of(te.compute((8,), lambda i: te.placeholder((8,), name="A")[i + 1], name="B"))
    assert sum(len(b.checked) for b in blocks(check_bounds(wrong, max_operations=5).body)) == 1


# ---------------------------------------------------------------- loops, lets, bindings


def test_an_axis_without_a_range_has_that_of_the_loops():
    row = IterVar("row")
    i, j = Var("i"), Var("j")
    block = Block("S", (row,), (i * 8 + j,), (Store(A, (row.var,), Load(B, (row.var,))),))
    outer = (n + 7) // 8

    def program(inside) -> Program:
        return Program("main", (A, B), Loop(i, ZERO, outer, Loop(j, ZERO, const(8), inside)))

    assert set(kinds(program(If(i * 8 + j < n, block)))) == {"proven"}
    assert answers(program(block)) == {"B[row].0": "undecided", "A[row].0": "undecided"}
    third = Block("S", (row,), (i,), (Store(A, (row.var + 3,), ONE),))
    strided = Loop(i, ZERO, n, third, step=4)
    assert answers(Program("main", (A,), strided)) == {"A[row + 3].0": "undecided"}
    multiple = Program("main", (A,), strided, requirements=((n % 4).equal(0),))
    assert set(kinds(multiple)) == {"proven"}


def test_variables_of_loops_and_lets_in_a_statement():
    row, i, r, x, t = axis("row", 0, 4), Var("i"), Var("r"), Var("x"), Var("t", FLOAT32)
    at = Block("S", (row,), (r,), (Store(A, (x + row.var,), Load(B, (x,)) * t),))
    inside = Let(x, i * 2, Loop(r, ZERO, const(4), Let(t, const(1, "float32"), at)))
    body = Loop(i, ZERO, n // 2 - 2, inside)
    assert set(kinds(Program("main", (A, B), body))) == {"proven"}
    wrong = Loop(i, ZERO, n // 2, inside)
    assert set(answers(Program("main", (A, B), wrong)).values()) == {"violated"}


CELLS = Buffer("cells", (m,), FLOAT32)
PTR = Buffer("ptr", (n + 1,), INT32)
SHORT = Buffer("ptr", (n,), INT32)


def rows(ptr: Buffer) -> Program:
    """Return a loop over the elements of the rows of a compressed matrix."""
    i, e = Var("i"), Var("e")
    row = axis("i", 0, n)
    first, last = (cast(Load(ptr, (at,)), "int64") for at in (i, i + 1))
    element = IterVar("e")
    add = Store(A, (row.var,), Load(A, (row.var,)) + Load(CELLS, (element.var,)))
    block = Block("S", (row, element), (i, e), (add,))
    return Program("main", (ptr, CELLS, A), Loop(i, ZERO, n, Loop(e, first, last, block)))


def test_what_bounds_of_loops_read():
    found = answers(rows(PTR))
    assert found == {"cells[e].0": "undecided"}
    assert checked(rows(PTR)) == ["S: cells.0 e"]
    assert message(rows(SHORT)) == (
        "bounds: for e in range(int64(ptr[i]), int64(ptr[i + 1])): with n=1, at i=0 it reads "
        "ptr[i + 1], which is ptr[1], but dimension 0 of ptr runs over 0..0, and so at every size; "
        "it is read before anything could check it, so declare shapes such that i + 1 < n"
    )


def test_what_conditions_and_values_read():
    i, x = Var("i"), Var("x")
    idx = Buffer("idx", (m,), INT64)
    block = Block("S", (), (), (Store(A, (i,), ONE),))
    guarded = If(all_of([i < m, Load(idx, (i,)) > 0]), block)
    assert set(kinds(Program("main", (A, idx), Loop(i, ZERO, n, guarded)))) == {"proven"}
    bare = Program("main", (A, idx), Loop(i, ZERO, n, If(Load(idx, (i,)) > 0, block)))
    assert (
        "bounds: if idx[i] > 0: with n=1, m=0, at i=0 it reads idx[i], which is idx[0]"
        in message(bare).replace("with m=0, n=1", "with n=1, m=0")
    )
    let = Program("main", (A, idx), Loop(i, ZERO, n, Let(x, Load(idx, (i,)), block)))
    assert "bounds: x = idx[i]: with " in message(let)
    nested = Load(idx, (Load(idx, (const(0),)),))
    data = Program("main", (A, idx), Loop(i, ZERO, n, If(nested > 0, block)), (m >= 1,))
    assert message(data) == (
        "bounds: if idx[idx[0]] > 0: cannot prove 0 <= idx[0] < m, because idx[0] is read from "
        "memory; it is read before anything could check it, so declare shapes such that "
        "0 <= idx[0] < m"
    )
    row = IterVar("row")
    bound = Block("S", (row,), (Load(idx, (i + 1,)),), (Store(A, (i,), ONE),))
    program = Program("main", (A, idx), Loop(i, ZERO, n, bound), (m.equal(n),))
    assert answers(program) == {"idx[i + 1].0": "violated"}


# ---------------------------------------------------------------- against brute force

FUNCTIONS = {
    "min": min,
    "max": max,
    "select": lambda test, a, b: a if test else b,
    "truncdiv": lambda a, b: int(a / b),
    "truncmod": lambda a, b: a - b * int(a / b),
}
SIZES = {0: (), 1: (n,), 2: (n, m)}


@st.composite
def affine(draw, variables, depth=2):
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        total: Expr = Const(draw(st.integers(-2, 4)), INT64)
        for var in variables:
            factor = draw(st.sampled_from([0, 0, 1, 1, 1, -1, 2]))
            total = total if factor == 0 else total + var * factor
        return total
    x = draw(affine(variables, depth - 1))
    match draw(st.sampled_from(["//", "%", "truncdiv", "min", "max", "select", "if", "+"])):
        case "//":
            return x // draw(st.integers(1, 4))
        case "%":
            return x % draw(st.integers(1, 4))
        case "truncdiv":
            return Binary("truncdiv", x, const(draw(st.sampled_from([2, 3, -2]))))
        case "+":
            return x + draw(affine(variables, depth - 1))
        case "if" | "select":
            return select(draw(condition(variables)), x, draw(affine(variables, depth - 1)))
        case op:
            return Binary(op, x, draw(affine(variables, depth - 1)))


@st.composite
def condition(draw, variables, depth=1):
    x, y = draw(affine(variables, 0)), draw(affine(variables, 0))
    test = Binary(draw(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"])), x, y)
    if depth and draw(st.booleans()):
        other = draw(condition(variables, 0))
        return draw(st.sampled_from([all_of, any_of]))([test, other])
    return test


@st.composite
def programs(draw, count):
    """One statement over a domain that may be a triangle, with a guarded read."""
    sizes = SIZES[count]
    ends = [*sizes, *(const(q) for q in (3, 4))]
    i = axis("i", draw(st.integers(0, 2)), draw(st.sampled_from(ends)))
    lower = draw(st.sampled_from([const(0), const(1), i.var, i.var - 1]))
    upper = draw(st.sampled_from([*ends, i.var + 1, i.var + 3]))
    j = axis("j", lower, upper)
    variables = (i.var, j.var, *sizes)
    extents = [*sizes, *(const(q) for q in (3, 5))]
    source = Buffer("A", (draw(st.sampled_from(extents)), draw(st.sampled_from(extents))), INT32)
    target = Buffer("B", (draw(st.sampled_from(extents)),), INT32)
    read = Load(source, (draw(affine(variables)), draw(affine(variables))))
    match draw(st.sampled_from(["plain", "if", "and", "or", "select"])):
        case "plain":
            value: Expr = read
        case "if":
            value = if_then_else(draw(condition(variables)), read, 0)
        case "select":
            value = select(draw(condition(variables)), read, 0)
        case "and":
            value = cast(all_of([draw(condition(variables)), read > 0]), "int32")
        case _:
            value = cast(any_of([draw(condition(variables)), read > 0]), "int32")
    predicate = draw(condition(variables)) if draw(st.booleans()) else TRUE
    store = Store(target, (draw(affine(variables)),), value)
    requirements = [draw(condition(sizes))] if sizes and draw(st.integers(0, 3)) == 0 else []
    args = (*sizes, source, target)
    return nest(([i, j], store, predicate), requirements=requirements, args=args)


class Brute:
    """Every subscript of a one-statement program evaluated at every instance."""

    def __init__(self, program: Program, found) -> None:
        self.sizes = program.scalars
        (block,) = blocks(program.body)
        self.i, self.j = block.iters
        self.requirements = [self.compiled(r) for r in program.requirements]
        self.bounds = [self.compiled(end) for a in block.iters for end in a.dom]
        self.guard, self.index, self.extent = map(
            self.compiled, (found.access.guard, found.index, found.extent)
        )

    @staticmethod
    def compiled(expr: Expr):
        return compile(str(expr), "brute", "eval")

    def outcome(self, sizes) -> SimpleNamespace | None:
        """Return whether it is evaluated at ``sizes``, and the first instance that leaves."""
        env = dict(FUNCTIONS, **{var.name: x for var, x in zip(self.sizes, sizes, strict=True)})
        if not all(eval(r, env) for r in self.requirements):
            return None
        found = SimpleNamespace(reached=False, first=None)
        for i in range(eval(self.bounds[0], env), eval(self.bounds[1], env)):
            env["i"] = i
            for j in range(eval(self.bounds[2], env), eval(self.bounds[3], env)):
                env["j"] = j
                if eval(self.guard, env):
                    found.reached = True
                    if not 0 <= eval(self.index, env) < eval(self.extent, env):
                        found.first = (i, j)
                        return found
        return found


def interpreted(program: Program, sizes) -> bool:
    """Whether the interpreter refuses to run ``program`` at ``sizes``."""
    env = {var.name: size for var, size in zip(program.scalars, sizes, strict=True)}
    arrays = [
        np.ones([int(eval(str(extent), env)) for extent in buffer.shape], "int32")
        for buffer in program.buffers
    ]
    try:
        interpret(program, *sizes, *arrays)
    except BoundsError:
        return True
    return False


@settings(max_examples=150)
@given(programs(0))
def test_at_known_sizes_the_answer_is_exact(program):
    found = list(subscripts(program))
    for subscript in found:
        outcome = Brute(program, subscript).outcome(())
        if outcome.first is None:
            assert subscript.answer.kind == "proven"
        else:
            assert subscript.answer.kind == "violated"
            assert tuple(subscript.answer.example.dims.values()) == outcome.first
    assert interpreted(program, ()) == any(s.answer.kind == "violated" for s in found)


@settings(max_examples=100)
@given(st.sampled_from([1, 2]).flatmap(programs), st.data())
def test_at_symbolic_sizes_the_answer_agrees_with_brute_force(program, data):
    count = len(program.scalars)
    grid = list(itertools.product(range(6), repeat=count))
    found = list(subscripts(program))
    for subscript in found:
        brute = Brute(program, subscript)
        outcomes = {sizes: brute.outcome(sizes) for sizes in grid}
        tried = {sizes: outcome for sizes, outcome in outcomes.items() if outcome is not None}
        bad = {sizes for sizes, outcome in tried.items() if outcome.first is not None}
        good = {sizes for sizes, outcome in tried.items() if outcome.reached} - bad
        answer = subscript.answer
        if answer.kind == "proven":
            assert not bad
            continue
        assert answer.example is not None, answer
        # Sizes that have no part in the question may be anything.
        values = answer.example.values
        shown = tuple(values.get(size) for size in program.scalars)
        agreeing = [
            outcome
            for sizes, outcome in tried.items()
            if all(one is None or one == other for one, other in zip(shown, sizes, strict=True))
        ]
        for outcome in agreeing:
            assert outcome.first == tuple(answer.example.dims.values())
        if bad and None not in shown:
            assert sum(shown) == min(map(sum, bad))
        if answer.kind == "violated":
            assert not good
        else:
            assert answer.reason == "the sizes decide"
    sizes = data.draw(st.sampled_from(grid))
    whole = Brute(program, found[0]).outcome(sizes)
    assume(whole is not None)
    at_these = any(Brute(program, s).outcome(sizes).first is not None for s in found)
    assert interpreted(program, sizes) == at_these
