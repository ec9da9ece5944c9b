"""What a statement reads and writes, and under which guard."""

from __future__ import annotations

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, FLOAT32, INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Unary, Var
from texpr.ir.functions import all_of, any_of, if_then_else, select
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE, Block, Store
from texpr.polyhedral.accesses import accesses, loads

i, n = Var("i"), Var("n", is_size=True)
A = Buffer("A", (n,), FLOAT32)
IDX = Buffer("idx", (n,), INT64)
FLAG = Buffer("flag", (n,), BOOL)


def at(index: object, buffer: Buffer = A) -> Load:
    return Load(buffer, (Const(index, INT64) if isinstance(index, int) else index,))


def guards(expr: Expr) -> dict[str, str]:
    return {str(Load(a.buffer, a.indices)): str(a.guard) for a in loads(expr)}


def test_only_lazy_operators_guard():
    assert guards(at(i) + at(i + 1)) == {"A[i]": "True", "A[i + 1]": "True"}
    assert guards(select(i > 0, at(i - 1), 0.0)) == {"A[i - 1]": "True"}
    assert guards(if_then_else(i > 0, at(i - 1), at(0))) == {
        "A[i - 1]": "i > 0",
        "A[0]": "not i > 0",
    }
    both = all_of([i > 0, at(i - 1, FLAG)]), any_of([i > 0, at(i + 1, FLAG)])
    assert guards(both[0]) == {"flag[i - 1]": "i > 0"}
    assert guards(both[1]) == {"flag[i + 1]": "not i > 0"}


def test_guards_add_up_inwards():
    inner = if_then_else(i < 5, at(i), at(2))
    assert guards(if_then_else(i > 0, inner, 0.0)) == {
        "A[i]": "i > 0 and i < 5",
        "A[2]": "i > 0 and not i < 5",
    }


def test_a_condition_is_read_without_its_own_guard():
    assert guards(if_then_else(at(i, FLAG), at(3), 0.0)) == {"flag[i]": "True", "A[3]": "flag[i]"}


def test_what_is_reached_two_ways_needs_either():
    shared = at(i - 1)
    twice = if_then_else(i > 0, shared, 0.0) + if_then_else(i > 2, shared * 2, 0.0)
    assert guards(twice) == {"A[i - 1]": "i > 2 or i > 0"}
    assert guards(twice + shared) == {"A[i - 1]": "True"}
    assert guards(if_then_else(i > 0, shared, shared)) == {"A[i - 1]": "i > 0 or not i > 0"}
    same = if_then_else(i > 0, shared + 1, 0.0) * if_then_else(i > 0, shared + 2, 0.0)
    assert guards(same) == {"A[i - 1]": "i > 0"}


def test_an_index_that_is_read_is_an_access_under_the_same_guard():
    expr = if_then_else(i > 0, at(at(i, IDX)), 0.0)
    assert guards(expr) == {"idx[i]": "i > 0", "A[idx[i]]": "i > 0"}


def test_accesses_of_a_block():
    axis = IterVar("i")
    x = axis.var
    predicate = all_of([x > 0, Load(FLAG, (x,))])
    store = Store(A, (Load(IDX, (x,)),), Load(A, (x - 1,)) + 1)
    block = Block("S", (axis,), (i,), (store,), predicate)
    found = [(str(Load(a.buffer, a.indices)), str(a.guard), a.is_write) for a in accesses(block)]
    assert found == [
        ("flag[i]", "i > 0", False),
        ("idx[i]", "i > 0 and flag[i]", False),
        ("A[i - 1]", "i > 0 and flag[i]", False),
        ("A[idx[i]]", "i > 0 and flag[i]", True),
    ]
    plain = Block("S", (axis,), (i,), (Store(A, (x,), Const(0, FLOAT32)),))
    (write,) = accesses(plain)
    assert write.is_write
    assert write.guard is TRUE


def test_a_long_chain_of_choices():
    expr: Expr = at(0)
    for k in range(3_000):
        expr = if_then_else(i.equal(k), at(i + k), expr)
    found = list(loads(expr))
    assert len(found) == 3_001
    assert found[0].guard is not TRUE


def test_guards_of_every_kind_are_conditions():
    for access in loads(if_then_else(i > 0, at(i), at(0)) + select(i > 0, at(1), at(2))):
        assert access.guard.dtype is BOOL
        assert isinstance(access.guard, (Const, Binary, Unary))
