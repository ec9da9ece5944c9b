import re

import pytest

from tests.target.handwritten import ZERO, declare
from texpr.errors import LoweringError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, FLOAT32, FLOAT64, INT32, INT64
from texpr.ir.expr import Const, Load, Var, cast
from texpr.ir.program import Block, If, Program, Seq, Store
from texpr.target.signature import Signature, written_before_read


def array(name, *shape, dtype=FLOAT32):
    extents = [Const(e, INT64) if isinstance(e, int) else e for e in shape]
    return Buffer(name, tuple(extents), dtype)


def sizes_of(program):
    return [str(size.value) for size in Signature.of(program).sizes]


def checks_of(program):
    return [(c.parameter, c.dimension, str(c.expected)) for c in Signature.of(program).extents]


n, m, k = Var("n"), Var("m"), Var("k")


def test_a_matmul():
    A, B, C = array("A", n, k), array("B", k, m), array("C", n, m)
    program = declare("matmul", (A, B, C), (C,))
    signature = Signature.of(program)
    assert str(signature) == "matmul(A: float32[n, k], B: float32[k, m]) -> C: float32[n, m]"
    assert [(s.parameter, s.dimension) for s in signature.sizes] == [(0, 0), (0, 1), (1, 1)]
    assert all(size.is_plain for size in signature.sizes)
    assert checks_of(program) == [(1, 0, "k"), (2, 0, "n"), (2, 1, "m")]
    assert signature.size_vars == (n, k, m)
    assert [p.name for p in signature.required] == ["A", "B"]
    assert [p.name for p in signature.outputs] == ["C"]


def test_scalars_constants_and_several_outputs_are_printed():
    a, flag = Var("a", FLOAT64), Var("flag", BOOL)
    A, X, Y = array("A", 4, n), array("X", n, dtype=INT32), array("Y")
    signature = Signature.of(declare("f", (A, a, flag, X, Y), (X, Y)))
    assert str(signature) == (
        "f(A: float32[4, n], a: float64, flag: bool) -> (X: int32[n], Y: float32[])"
    )
    assert [(p.kind, p.ndim) for p in signature.parameters] == [
        ("array", 2), ("scalar", 0), ("scalar", 0), ("array", 1), ("array", 0),
    ]  # fmt: skip


def test_requirements_are_printed():
    A = array("A", n)
    program = declare("f", (A,), requirements=(n % 8 == 0, n > 0))
    assert str(Signature.of(program)) == "f(A: float32[n]) where n%8 == 0, n > 0"


def test_an_output_that_is_read_first_is_in_place():
    A, C = array("A", n), array("C", n)
    signature = Signature.of(declare("f", (A, C), (A, C), in_place=(A,)))
    assert str(signature) == "f(A: float32[n] in place) -> C: float32[n]"
    assert [(p.is_output, p.is_fresh) for p in signature.parameters] == [
        (True, False),
        (True, True),
    ]


def test_the_caller_knows_better_which_outputs_are_filled():
    A, C = array("A", n), array("C", n)
    program = declare("f", (A, C), (A, C))
    assert [p.name for p in Signature.of(program, fresh=[C]).required] == ["A"]


def test_a_read_in_a_condition_comes_before_the_write():
    A = array("A", n)
    store = Block("A", (), (), (Store(A, (ZERO,), Const(0, FLOAT32)),))
    program = Program("f", (A,), If(Load(A, (ZERO,)) > 0.0, store))
    assert written_before_read(program) == []
    assert written_before_read(Program("f", (A,), Seq((store, program.body)))) == [A]


def test_inputs_determine_sizes_before_outputs_do():
    C, A = array("C", n), array("A", n)
    assert Signature.of(declare("f", (C, A), (C,))).sizes[0].parameter == 1


def test_a_size_that_is_an_argument_is_checked():
    A = array("A", n)
    program = declare("f", (A, n))
    assert sizes_of(program) == []
    assert checks_of(program) == [(0, 0, "n")]


def test_a_linear_extent_is_solved():
    assert sizes_of(declare("f", (array("A", n + 1),))) == ["A.shape[0] - 1"]
    assert sizes_of(declare("f", (array("A", 2 * n),))) == ["A.shape[0]//2"]
    assert sizes_of(declare("f", (array("A", 3 - n),))) == ["-(A.shape[0] - 3)"]
    assert sizes_of(declare("f", (array("A", 2 * (n + 3) - n),))) == ["A.shape[0] - 6"]
    assert sizes_of(declare("f", (array("A", -n),))) == ["-A.shape[0]"]


def test_what_is_solved_is_checked_too():
    assert checks_of(declare("f", (array("A", 2 * n),))) == [(0, 0, "2*n")]


def test_one_size_helps_to_find_the_next():
    program = declare("f", (array("A", n + m, k + n + m), array("B", n)))
    assert [str(s.var) for s in Signature.of(program).sizes] == ["n", "m", "k"]
    assert sizes_of(program) == ["B.shape[0]", "A.shape[0] - n", "A.shape[1] - n - m"]


def test_a_plain_extent_is_preferred():
    program = declare("f", (array("A", 2 * n), array("B", n)))
    assert sizes_of(program) == ["B.shape[0]"]
    assert checks_of(program) == [(0, 0, "2*n")]


def test_a_size_of_a_narrow_type():
    small = Var("s", INT32)
    program = declare("f", (array("A", cast(small, INT64)), array("B", cast(small, INT64) + 1)))
    (size,) = Signature.of(program).sizes
    assert size.is_plain
    assert size.var is small


@pytest.mark.parametrize("extent", [n * n, n // 2, n + m, n * 0, n % 4])
def test_a_size_that_cannot_be_found(extent):
    program = declare("f", (array("A", extent),))
    expected = (
        f"f: the size n does not follow from the shapes that it occurs in, "
        f"A ({extent}); pass n as an argument"
    )
    with pytest.raises(LoweringError, match=re.escape(expected)):
        Signature.of(program)


def test_names_that_meet_are_numbered():
    A, B = array("A", n, Var("n")), array("A", n)
    signature = Signature.of(declare("f", (A, B)))
    assert str(signature) == "f(A: float32[n, n_1], A_1: float32[n])"
