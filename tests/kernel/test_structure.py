# ruff: noqa: E501, ISC004 - a row of a table is a line
"""The loop tree that a kernel becomes."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from tests.kernel.written import kernel_of
from texpr.ir.dtypes import BOOL, FLOAT32, FLOAT64, INT32, INT64
from texpr.ir.program import Alloc, Loop, Seq, blocks, stmts
from texpr.ir.update import update_of

HEAD = "A: f64[N], B: f64[N], C: i32[N], D: f64[N, N], alpha: f32, n: size"


def translated(body):
    text = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return kernel_of(f"@kernel\ndef f({HEAD}):\n{text}\n")


def loops_of(body):
    """The loop tree of a body as text, without the head."""
    return str(translated(body).program.body)


def shown(text):
    return textwrap.dedent(text).strip("\n")


def test_a_block_for_each_assignment():
    kernel = translated("""
        for i in range(1, N):
            A[i] = 0.0
            for j in range(i, N - 1):
                D[i, j], D[j, i] = D[j, i], D[i, j]
        B[0] = 1
    """)
    first, second, third = blocks(kernel.program.body)
    assert [block.name for block in (first, second, third)] == ["S0", "S1", "S2"]
    assert [axis.name for axis in second.iters] == ["i", "j"]
    i, j = second.iters
    assert first.iters[0] is i  # a loop that statements share is one axis
    (n,) = kernel.program.sizes
    assert (str(i.lower), str(i.upper)) == ("1", "N")
    assert j.lower is i.var
    assert str(j.upper) == "N - 1"
    loops = [stmt for stmt in stmts(kernel.program.body) if isinstance(stmt, Loop)]
    assert second.bindings == (loops[0].var, loops[1].var)
    assert loops[1].lower is loops[0].var  # bounds of loops are over loops, those of axes over axes
    assert len(second.stores) == 2
    assert third.iters == ()
    assert (second.location.line, second.location.file[:7]) == (6, "kernel_")
    assert kernel.program.float_policy.order == "exact"
    assert [arg.name for arg in kernel.program.args] == ["A", "B", "C", "D", "alpha", "n"]
    assert n.is_size


def test_a_branch_is_a_predicate():
    assert loops_of("""
        for i in range(N):
            if i > 3:
                A[i] = 1.0
                if i < n:
                    A[i] = 2.0
            elif i == 1:
                B[i] = 1.0
            else:
                B[i] = 3.0
    """) == shown("""
        for i in range(N):
            if i > 3:
                A[i] = 1.0
            if i > 3 and i < n:
                A[i] = 2.0
            if i <= 3 and i == 1:
                B[i] = 1.0
            if i <= 3 and i != 1:
                B[i] = 3.0
    """)


def test_a_condition_that_the_branch_changes_is_tested_once():
    assert loops_of("""
        for i in range(N):
            if A[i] > 0:
                A[i] = -A[i]
                B[i] = A[i]
    """) == shown("""
        for i in range(N):
            test0 = empty((), bool)
            test0[()] = A[i] > 0.0
            if test0[()]:
                A[i] = -A[i]
            if test0[()]:
                B[i] = A[i]
    """)
    kernel = translated("if A[0] > 0:\n    A[0] = 1.0\n    B[0] = 1.0")
    assert [block.name for block in blocks(kernel.program.body)] == ["test0", "S0", "S1"]


@pytest.mark.parametrize("body", [
    "if A[0] > 0:\n    A[0] = 1.0",  # one statement: it is tested before that writes
    "if A[0] > 0:\n    B[0] = 1.0\n    B[1] = 2.0",  # the branch leaves what was tested alone
])  # fmt: skip
def test_a_condition_that_stays_is_a_predicate(body):
    assert all(block.name != "test0" for block in blocks(translated(body).program.body))


def test_a_name_of_a_test_is_no_other():
    kernel = translated(
        "test0 = A[0]\ntest0 += 1\nif A[0] > 0:\n    A[0] = test0\n    A[1] = test0"
    )
    assert [block.name for block in blocks(kernel.program.body)][2] == "test0_"


def test_a_condition_keeps_guarding_a_subscript():
    assert loops_of("""
        for i in range(N):
            if i > 0 and A[i - 1] > 0:
                if A[i - 1] < B[i]:
                    A[i - 1] = B[i]
                    B[i] = 0
    """) == shown("""
        for i in range(N):
            test0 = empty((), bool)
            test1 = empty((), bool)
            test0[()] = i > 0 and A[i - 1] > 0.0
            if test0[()]:
                test1[()] = A[i - 1] < B[i]
            if test0[()] and test1[()]:
                A[i - 1] = B[i]
            if test0[()] and test1[()]:
                B[i] = 0.0
    """)


def test_known_branches_are_taken():
    kernel = kernel_of(
        "@kernel\ndef f(A: f64[4], B: f64[N]):\n"
        "    if FLAG and A.shape[0] == 4 and B.ndim == 1:\n        A[0] = 1.0\n"
        "    else:\n        print('never')\n"
        "    A[1] = 1.0 if FLAG else [2]\n",
        FLAG=True,
    )
    assert [block.predicate.value for block in blocks(kernel.program.body)] == [True, True]


# ---------------------------------------------------------------- loops


@pytest.mark.parametrize(("bounds", "line", "index"), [
    ("n", "range(n)", "i"),
    ("2, n", "range(2, n)", "i"),
    ("2, n, 3", "range((n - 2 + 2)//3)", "i*3 + 2"),
    ("n - 1, -1, -1", "range(n)", "n - i - 1"),
    ("9, 0, -2", "range(5)", "9 - i*2"),
    ("0, n, 2", "range((n + 1)//2)", "i*2"),
])  # fmt: skip
def test_steps_are_taken_apart(bounds, line, index):
    first, second = loops_of(f"for i in range({bounds}):\n    A[i] = 0.0").splitlines()
    assert index in second
    assert "range(" in first
    kernel = translated(f"for i in range({bounds}):\n    A[i] = i")
    a = np.full(20, -1.0)
    kernel.interpret(a, a[:], np.zeros(20, "int32"), np.zeros((20, 20)), np.float32(0), 11)
    expected = np.full(20, -1.0)
    for i in eval(f"range({bounds})", {"n": 11}):
        expected[i] = i
    np.testing.assert_array_equal(a, expected)


def test_a_loop_of_nothing_is_nothing():
    assert isinstance(translated("for i in range(N):\n    pass").program.body, Seq)
    assert loops_of("for i in range(N):\n    k = 2 * i") == "pass"


def test_ends_may_read_what_nobody_writes():
    assert loops_of("""
        for i in range(N - 1):
            if i % 2 == 0:
                for p in range(C[i], C[i + 1]):
                    A[i] += B[p]
    """) == shown("""
        for i in range(N - 1):
            for p in range(int64(C[i]) if i%2 == 0 else 0, int64(C[i + 1]) if i%2 == 0 else 0):
                if i%2 == 0:
                    A[i] += B[p]
    """)


# ---------------------------------------------------------------- scalars


def test_index_arithmetic_is_no_statement():
    assert loops_of("""
        rows = D.shape[0]
        for i in range(rows):
            k = 2 * i + 1
            inside = k < n
            if inside:
                last = k - 1 if k > 3 else 0
                A[last] = B[k]
    """) == shown("""
        for i in range(N):
            if i*2 + 1 < n:
                A[i*2 if i > 1 else 0] = B[i*2 + 1]
    """)


def test_a_scalar_lives_where_it_is_used():
    assert loops_of("""
        total = 0.0
        for i in range(N):
            s = 0.0
            for j in range(N):
                t = D[i, j]
                s += t * t
            total += s
        B[0] = total
    """) == shown("""
        total = empty((), float64)
        total[()] = 0.0
        for i in range(N):
            s = empty((), float64)
            s[()] = 0.0
            for j in range(N):
                t = empty((), float64)
                t[()] = D[i, j]
                s[()] += t[()]*t[()]
            total[()] += s[()]
        B[0] = total[()]
    """)


def homes(body):
    """The depth of the loops at which each scalar is allocated."""
    found = []

    def walk(stmt, depth):
        if isinstance(stmt, Alloc):
            found.append((stmt.buffer.name, depth))
        for child in stmt.children:
            if hasattr(child, "children") and not hasattr(child, "dtype"):
                walk(child, depth + isinstance(stmt, Loop))

    walk(translated(body).program.body, 0)
    return found


LIVES = [
    # one name, two loops: each iteration has its own
    ("for i in range(N):\n    t = A[i]\n    B[i] = t\nfor j in range(N):\n    t = B[j]\n    A[j] = t",
     [("t", 1), ("t", 1)]),
    # the last value is read after the loop
    ("t = 0.0\nfor i in range(N):\n    t = A[i]\n    B[i] = t\nA[0] = t", [("t", 0)]),
    # carried from one iteration to the next
    ("t = 0.0\nfor i in range(N):\n    B[i] = t\n    t = A[i]", [("t", 0)]),
    # written in both branches, read after them
    ("for i in range(N):\n    if C[i] > 0:\n        t = 1.0\n    else:\n        t = A[i]\n    B[i] = t",
     [("t", 1)]),
    # written in one branch alone
    ("t = 0.0\nfor i in range(N):\n    if C[i] > 0:\n        t = 1.0\n    B[i] = t", [("t", 0)]),
    # written and read in one branch
    ("for i in range(N):\n    if C[i] > 0:\n        t = A[i]\n        B[i] = t", [("t", 1)]),
    # the loop that writes may not run
    ("for i in range(N):\n    t = A[i]\n    for j in range(i):\n        t = A[j]\n    B[i] = t",
     [("t", 1)]),
    # a temporary inside a loop that carries another value of the same name
    ("t = 0.0\nfor i in range(N):\n    B[i] = t\n    for j in range(N):\n        t = A[j]\n"
     "        D[i, j] = t\n    t = A[i]", [("t", 0), ("t", 2)]),
    # a test is where its branch is
    ("for i in range(N):\n    for j in range(N):\n        if A[j] > 0:\n            A[j] = 1.0\n"
     "            A[i] = 2.0", [("test0", 2)]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "where"), LIVES)
def test_lives(body, where):
    assert sorted(homes(body)) == where


TYPES = [
    ("s = 0.0\ns += A[0]", FLOAT64),
    ("s = 0.0\ns += alpha", FLOAT32),
    ("s = 0\ns += alpha", FLOAT32),
    ("s = 0\ns += C[0]", INT32),
    ("s = 0\ns += 1", INT64),
    ("s = 0\ns += 0.5", FLOAT64),
    ("s = 0.0\ns += C[0]", FLOAT64),
    ("s = False\nif A[0] > 0:\n    s = True", BOOL),
    ("s = False\nif A[0] > 0:\n    s = A[0] > 1", BOOL),
    ("s = 0\nt = 0.0\nfor i in range(N):\n    s = t\n    t = s + alpha", FLOAT32),
    ("s = texpr.f64(0.0)\ns += alpha", FLOAT64),
    ("s = max(alpha, 0)\ns = s * 0.5", FLOAT32),
    ("s = True\ns = C[0]", INT32),
    ("s = 3\ns = A[0] > 0", INT64),
]  # fmt: skip


@pytest.mark.parametrize(("body", "dtype"), TYPES)
def test_types_of_scalars(body, dtype):
    allocated = [s.buffer for s in stmts(translated(body).program.body) if isinstance(s, Alloc)]
    (scalar,) = (buffer for buffer in allocated if buffer.name == "s")
    assert scalar.dtype is dtype


def test_a_local_array_is_allocated_where_it_stands():
    assert loops_of("""
        A[0] = 1.0
        for i in range(N):
            B[i] = 2.0
            t = texpr.empty((N, 2), A.dtype)
            t[i, 1] = B[i]
            u = texpr.empty(D.shape)
            u[0, 0] = t[i, 1]
    """) == shown("""
        A[0] = 1.0
        for i in range(N):
            B[i] = 2.0
            t = empty((N, 2), float64)
            t[i, 1] = B[i]
            u = empty((N, N), float64)
            u[0, 0] = t[i, 1]
    """)


def test_an_array_of_a_branch_may_be_too_small_where_the_branch_does_not_run():
    kernel = translated("""
        if N > 3:
            t = texpr.empty(N - 4)
            for i in range(N - 4):
                t[i] = A[i]
                B[i] = t[i]
    """)
    for n in (0, 4, 6):
        arrays = [
            np.arange(n, dtype="float64"),
            np.zeros(n),
            np.zeros(n, "int32"),
            np.zeros((n, n)),
        ]
        kernel(*arrays, 0.0, 0)
        np.testing.assert_array_equal(arrays[1][: max(0, n - 4)], np.arange(max(0, n - 4)))


# ---------------------------------------------------------------- updates


@pytest.mark.parametrize(("line", "op"), [
    ("A[i] += B[i] * 2", "add"),
    ("A[i] -= B[i]", "sub"),
    ("A[i] *= B[i]", "mul"),
    ("A[i] = A[i] + B[i]", "add"),
    ("A[i] = max(A[i], B[i])", "max"),
    ("A[i] = min(A[i], B[i], 0.5)", "min"),
    ("A[i] = np.maximum(A[i], B[i])", "max"),
    ("C[i] |= 3", "bitor"),
    ("C[C[i]] += 1", "add"),
        ("A[i] = A[i] + B[i] + 1", None),
    ("s += A[i]", "add"),
    ("s = max(s, A[i])", "max"),
])  # fmt: skip
def test_updates_are_recognised(line, op):
    kernel = translated(f"s = 0.0\nfor i in range(N):\n    {line}\nA[0] = s")
    update = update_of(blocks(kernel.program.body)[1])
    assert (update and update.op) == op
