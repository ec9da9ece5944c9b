"""``te.einsum`` and ``@``: NumPy's grammar and rules, one te.compute each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.readings import by_interpreter, check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError

n, m = te.var("n"), te.size_var("m")
A = te.placeholder((3, 4), name="A")
B = te.placeholder((4, 5), name="B")
S = te.placeholder((3, 3), "int32", name="S")
V = te.placeholder((4,), name="V")
T3 = te.placeholder((2, 3, 4), name="T3")
Z = te.placeholder((), name="Z")
W = te.placeholder((n,), name="W")
X = te.placeholder((m,), name="X")


def arrays_of(*tensors: te.Tensor) -> dict[te.Tensor, np.ndarray]:
    return {
        t: filled(*map(int, t.shape), dtype=str(t.dtype), seed=k) for k, t in enumerate(tensors)
    }


@pytest.mark.parametrize(
    ("spec", "operands"),
    [
        ("ij,jk->ik", (A, B)),
        ("ij,jk", (A, B)),
        (" i j , j k -> k i ", (A, B)),
        ("ii", (S,)),
        ("ii->i", (S,)),
        ("ij->ji", (A,)),
        ("ba", (A,)),
        ("Ba", (A,)),
        ("ij->", (A,)),
        ("...", (T3,)),
        ("...j,j->...", (T3, V)),
        ("...ij,...jk->...ik", (T3, B)),
        ("i...->...i", (T3,)),
        ("ij,ij,j,->i", (A, A, V, Z)),
        (",->", (Z, Z)),
    ],
)
def test_reads_as_numpy_does(spec, operands):
    made = te.einsum(spec, *operands)
    arrays = arrays_of(*dict.fromkeys(operands))
    expected = np.einsum(spec, *(arrays[t] for t in operands))
    check_readings(te.create_schedule(made.op), [made], arrays, expected=[np.asarray(expected)])


def test_axes_are_the_letters(golden):
    golden(
        str(
            te.create_schedule(
                te.einsum("bij,bjk->bik", T3, te.placeholder((2, 4, 5), name="U")).op
            )
        ),
        "einsum",
    )
    # A letter that is a size as well gets another name where both would meet.
    assert "for n_1 in range(n)" in str(te.create_schedule(te.einsum("n,n->n", W, W).op))


def test_symbolic_extents():
    Y = te.placeholder((m * 2 - m,), name="Y")
    made = te.einsum("i,i->", X, Y)
    arrays = {X: filled(5), Y: filled(5, seed=1)}
    by_numpy = np.asarray(np.einsum("i,i->", *arrays.values()))
    np.testing.assert_allclose(by_interpreter(made, arrays, ()), by_numpy)
    with pytest.raises(
        ShapeError,
        match=r"einsum: index 'i' of 'i,i' is n in operand 0 and m in operand 1; extents must be "
        r"equal or 1",
    ):
        te.einsum("i,i", W, X)


def test_types():
    a, b = (te.placeholder((4,), t, name="a") for t in ("int8", "uint8"))
    wide = te.einsum("i,i->i", a, b, dtype="int32")
    arrays = {a: np.array([127, -128, 3, 0], "int8"), b: np.array([255, 2, 3, 9], "uint8")}
    expected = arrays[a].astype("int32") * arrays[b]
    check_readings(te.create_schedule(wide.op), [wide], arrays, expected=[expected])
    assert te.einsum("i,i->", a, a).dtype == "int8"
    assert te.einsum("i,->i", a, 2).dtype == "int8"
    assert te.einsum("i,->i", V, te.var("x", "float64")).dtype == "float64"


@pytest.mark.parametrize(
    ("spec", "operands", "error", "message"),
    [
        (A, ("ij",), DTypeError, r"einsum: the subscripts are <tensor A: .*; pass a string such"),
        ("ij", ("A",), DTypeError, r"expression: 'A' \(str\) is neither a number nor an expr"),
        (3, (A,), DTypeError, r"einsum: the subscripts are 3; pass a string such as 'ij,jk->ik'"),
        ("i1", (A,), TexprError, r"einsum: '1' in 'i1' is no index; write letters from a to z"),
        ("iä", (A,), TexprError, r"einsum: 'ä' in 'iä' is no index"),
        ("i-j", (A,), TexprError, r"einsum: '-' in 'i-j' is no index"),
        ("ij->i->j", (A,), TexprError, r"einsum: 'ij->i->j' has -> twice; write it once"),
        ("..ij", (A,), TexprError, r"einsum: '..ij' in '..ij' has dots that are not one '...'"),
        ("...i...", (A,), TexprError, r"einsum: '...i...' in .* has dots that are not one"),
        ("ij,jk", (A,), ShapeError, r"einsum: 'ij,jk' has subscripts for 2 operands and 1 follow"),
        ("ij", (A, B), ShapeError, r"einsum: 'ij' has subscripts for 1 operands and 2 follow"),
        ("ijk", (A,), ShapeError, r"'ijk' in 'ijk' names 3 of the 2 dimensions of operand 0"),
        ("i", (A,), ShapeError, r"'i' in 'i' names 1 of the 2 .*; write a letter for each, or"),
        ("i", (2.0,), ShapeError, r"'i' in 'i' names 1 of the 0 dimensions of operand 0, 2.0"),
        ("ij->k", (A,), TexprError, r"index 'k' of the output of 'ij->k' is in no operand"),
        ("ij->ii", (A,), TexprError, r"index 'i' comes 2 times in the output of 'ij->ii'"),
        ("...i->i", (A,), ShapeError, r"'...' stands for 1 dimension in '...i->i' and the output"),
        ("ij,jk", (A, A), ShapeError, r"index 'j' of .* is 4 in operand 0 and 3 in operand 1; ext"),
        ("ii", (A,), ShapeError, r"index 'i' of 'ii' is 3 and 4, both in operand 0, .* diagonal"),
        ("...,...", (A, B), ShapeError, r"a dimension of '...' of .* is 3 in operand 0 and 4 in"),
        ("ij", (A > 0,), DTypeError, r"einsum: T_gt\[i, j\] is bool; cast it to a number"),
        (",", (1, 2), DTypeError, r"einsum: none of the operands is a tensor; pass one"),
        ("ij", (np.ones((2, 2)),), DTypeError, r"expression: array\(\[\[1., 1.\], \[1"),
        ("i", (A[0],), ShapeError, r"A\[0\]: 1 of 2 subscripts; give the others as well"),
    ],
)  # fmt: skip
def test_mistakes(spec, operands, error, message):
    with pytest.raises(error, match=message):
        te.einsum(spec, *operands)


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """A random specification that NumPy takes, and shapes that fit it."""
    letters = "ijkAb"
    size = {x: draw(st.sampled_from((0, 1, 2, 3))) for x in letters}
    batch = [draw(st.sampled_from((1, 2))) for _ in range(draw(st.integers(0, 2)))]
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        own = draw(st.lists(st.sampled_from(letters), max_size=3))
        shape = [size[x] for x in own]
        for position, x in enumerate(own):  # an extent of 1 broadcasts, but on no diagonal
            if own.count(x) == 1 and draw(st.integers(0, 5)) == 0:
                shape[position] = 1
        if draw(st.booleans()):
            at = draw(st.integers(0, len(own)))
            covered = batch[draw(st.integers(0, len(batch))) :]
            own.insert(at, "...")
            shape[at:at] = [b if draw(st.booleans()) else 1 for b in covered]
        terms.append("".join(own))
        shapes.append(tuple(shape))
    spec = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set(spec) - {".", ","})
        output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        output.insert(draw(st.integers(0, len(output))), "...")
        spec += "->" + "".join(output)
    return spec, shapes


@given(contractions(), st.integers(0, 1 << 16))
def test_random_contractions(case, seed):
    spec, shapes = case
    rng = np.random.default_rng(seed)
    tensors = [te.placeholder(s, "int32", name=f"X{k}") for k, s in enumerate(shapes)]
    arrays = {
        t: rng.integers(-5, 6, s).astype("int32") for t, s in zip(tensors, shapes, strict=True)
    }
    expected = np.asarray(np.einsum(spec, *arrays.values()))
    found = by_interpreter(te.einsum(spec, *tensors), arrays, expected.shape)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (1, 4, 5)), ((7, 1, 3, 4), (2, 4, 1)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)),
        ((3, 0), (0, 2)), ((1, 1), (1, 1)),
    ],
)  # fmt: skip
def test_matrix_product(left, right):
    a, b = (te.placeholder(shape, "int64", name="a") for shape in (left, right))
    arrays = {t: filled(*map(int, t.shape), dtype="int64") for t in (a, b)}
    expected = np.asarray(arrays[a] @ arrays[b])
    made = a @ b
    assert tuple(map(int, made.shape)) == expected.shape
    np.testing.assert_array_equal(by_interpreter(made, arrays, expected.shape), expected)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: A @ A, ShapeError, r"matmul: the last extent of .* is 4 and the last but one of"),
        (lambda: A @ W, ShapeError, r"matmul: the last extent of .* is 4 and the one of .* is n"),
        (lambda: A @ te.placeholder((1, 4)), ShapeError, r"is 4 and the last but one of .* is 1"),
        (lambda: T3 @ te.placeholder((5, 4, 2)), ShapeError, r"matmul: a dimension of '...' of"),
        (lambda: A @ 2, DTypeError, r"matmul: 2 is no tensor; pass two, or multiply with \*"),
        (lambda: 2 @ A, DTypeError, r"matmul: 2 is no tensor"),
        (lambda: A @ Z, ShapeError, r"matmul: <tensor Z: float32\[\]> is a scalar; multiply with"),
        (lambda: (A > 0) @ V, DTypeError, r"matmul: T_gt\[i, k\] is bool; cast it"),
    ],
)  # fmt: skip
def test_wrong_matrix_products(make, error, message):
    with pytest.raises(error, match=message):
        make()
