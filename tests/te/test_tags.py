"""Tags on operations, and the stages that have one."""

from __future__ import annotations

import warnings

import pytest

from texpr import te
from texpr.errors import DTypeError, TexprError, TexprWarning

A = te.placeholder((3, 4), name="A")
V = te.placeholder((4,), name="V")


def doubled(x):
    return te.compute(x.shape, lambda *at: x[at] * 2, name="D")


def test_operators_have_those_of_tvm():
    assert [t.op.tag for t in (A + 1, -A, A * A, A + V, A + V[None])] == [
        "elemwise", "elemwise", "elemwise", "broadcast", "broadcast",
    ]  # fmt: skip
    assert {t.op.tag for t in (A.T, A[1:], A.reshape(12), te.einsum("ij->ji", A))} == {"injective"}
    assert {t.op.tag for t in (A.sum(), A @ V, te.einsum("ij->", A))} == {"comm_reduce"}
    assert A.op.tag == doubled(A).op.tag == ""
    assert dict((A + 1).op.attrs) == {}


def test_a_scope_tags_what_is_declared_in_it():
    with te.tag_scope("mine"):
        assert doubled(A).op.tag == "mine"
        assert (A + V).op.tag == "mine"
    assert doubled(A).op.tag == ""


def test_a_scope_tags_recurrences_and_functions_from_outside():
    S = te.placeholder((3, 4), name="S")
    step = te.compute((3, 4), lambda t, j: S[t - 1, j] + A[t, j], name="step")
    with te.tag_scope("mine"):
        last = te.scan(A[:1], step, S)
        assert last.op.tag == te.extern((4,), [V], te.packed(print)).op.tag == "mine"
        with pytest.raises(TexprError, match="scan of 'Y': tag='own' in the tag_scope of 'mine'"):
            te.scan(A[:1], step, S, name="Y", tag="own")
        with pytest.raises(TexprError, match="extern of 'F': tag='own' in the tag_scope of 'mine'"):
            te.extern((4,), [V], te.packed(print), name="F", tag="own")


def test_a_scope_decorates():
    tagged = te.tag_scope(tag="twice")(doubled)
    assert tagged(A).op.tag == tagged(V).op.tag == "twice"
    assert tagged.__name__ == "doubled"


def test_scopes_do_not_nest():
    with te.tag_scope("one"):
        doubled(A)
        with pytest.raises(
            TexprError,
            match=r"tag_scope: 'two' inside the scope of 'one', and an operation has one tag; end",
        ), te.tag_scope("two"):  # fmt: skip
            pass
        with pytest.raises(
            TexprError,
            match=r"compute of 'D': tag='own' in the tag_scope of 'one', and an operation has one "
            r"tag; leave one of them out",
        ):
            te.compute((2,), lambda i: i, name="D", tag="own")


def test_a_scope_without_use():
    with pytest.warns(
        TexprWarning, match=r"tag_scope: no operation was declared in the scope of 'idle'; leave"
    ), te.tag_scope("idle"):  # fmt: skip
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ZeroDivisionError), te.tag_scope("broken"):
            raise ZeroDivisionError
    assert doubled(A).op.tag == ""


@pytest.mark.parametrize("tag", [3, None, ""])
def test_what_is_no_tag(tag):
    with pytest.raises(DTypeError, match=r"tag_scope: the tag is .*; pass a word, such as 'elem"):
        te.tag_scope(tag)


@pytest.mark.parametrize(
    "declare",
    [
        lambda **side: te.compute((2,), lambda i: i, name="D", **side),
        lambda **side: te.extern((4,), [V], te.packed(print), name="D", **side),
        lambda **side: te.scan(
            A[:1], te.compute((3, 4), lambda t, j: A[t - 1, j]), A, name="D", **side
        ),
    ],
)
def test_side_data_of_the_wrong_kind(declare):
    with pytest.raises(DTypeError, match="of 'D': the tag is 3; pass a word, such as 'elemwise'"):
        declare(tag=3)
    with pytest.raises(DTypeError, match=r"D: attrs is \[1\]; pass a dict of what to note on its"):
        declare(attrs=[1])
    assert declare(attrs={"a": 1}).op.attrs == {"a": 1}


def test_stages_are_found_by_tag():
    P = te.exp(A - A.max(axis=1, keepdims=True)).sum(axis=1)
    s = te.create_schedule(P.op)
    assert [x.name for x in s.stages_tagged("comm_reduce")] == ["T_max", "T_sum"]
    assert [x.name for x in s.stages_tagged("elemwise", "broadcast")] == ["T_sub", "T_exp"]
    assert s.stages_tagged("nobody") == ()
