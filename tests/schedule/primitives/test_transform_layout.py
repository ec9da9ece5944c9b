"""``transform_layout``: an array that a program keeps to itself is laid out by a map."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule import Trace

N = texpr.size("N")


def doubled(n):
    A = te.placeholder((n,), "int32", name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    C = te.compute((n,), lambda i: B[i] + B[n - 1 - i], name="C")
    return A, B, C


def product(m, n, k):
    A = te.placeholder((m, k), "int32", name="A")
    B = te.placeholder((k, n), "int32", name="B")
    r = te.reduce_axis((0, k), name="k")
    C = te.compute((m, n), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")
    return A, B, C


def packed(m, n, k, pad_value):
    """A product with a panel of B, as wide as a tile, for each column of tiles."""
    A, B, C = product(m, n, k)
    s = te.create_schedule(C.op)
    BB = s.cache_read(B, "local", [C])
    s[BB].transform_layout(lambda k, j: [j // 16, k, j % 16], pad_value)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, 16)
    s[C].reorder(j_o, i_o, C.op.reduce_axis[0], i_i, j_i)
    s[BB].compute_at(s[C], j_o)
    return s, A, B, C


def test_golden(golden):
    s, A, B, C = packed(10, 40, 8, 0)
    before = str(te.create_schedule(C.op))
    golden(story(before, s), "primitive_transform_layout")
    arrays = {A: filled(10, 8, dtype="int32"), B: filled(8, 40, dtype="int32", seed=1)}
    check_readings(s, [C], arrays)


@pytest.mark.parametrize("pad_value", [None, 0])
def test_a_panel_of_a_product_has_one_row_of_tiles(pad_value):
    s, A, B, C = packed(37, 53, 29, pad_value)
    text = str(s)
    assert "B_local = empty((1, 29, 16), int32" in text
    assert "*B_local[0, k, j_i]" in text
    copied = "B_local[0, i0, i1_i] = B[i0, j_o*16 + i1_i]"
    assert copied + ("" if pad_value is None else " if j_o*16 + i1_i < 53 else 0") in text
    arrays = {A: filled(37, 29, dtype="int32"), B: filled(29, 53, dtype="int32", seed=1)}
    check_readings(s, [C], arrays)


@pytest.mark.parametrize("pad_value", [None, 7])
def test_a_panel_of_a_product_of_any_size(pad_value):
    m, n, k = (te.size_var(name) for name in "mnk")
    s, A, B, C = packed(m, n, k, pad_value)
    assert "B_local = empty((1, k, 16), int32" in str(s)
    kernel = None
    for sizes in [(37, 53, 29), (4, 16, 1), (0, 3, 2), (3, 0, 2), (5, 17, 0), (1, 15, 3)]:
        rows, columns, depth = sizes
        arrays = {
            A: filled(rows, depth, dtype="int32"),
            B: filled(depth, columns, dtype="int32", seed=1),
        }
        known = dict(zip((m, n, k), sizes, strict=True))
        kernel = check_readings(s, [C], arrays, sizes=known, kernel=kernel)


@pytest.mark.parametrize("pad_value", [None, -1])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size, pad_value):
    A, B, C = doubled(size)
    s = te.create_schedule(C.op)
    made = s[B].transform_layout(lambda i: [i // 4, i % 4], pad_value)
    assert [axis.name for axis in made] == ["i_o", "i_i"]
    s[B].vectorize(made[1])
    s[B].parallel(made[0])
    check_readings(s, [C], {A: filled(size, dtype="int32")})


MAPS = {
    "permuted": lambda i, j: [j, i],
    "split": lambda i, j: [i // 4, j // 3, i % 4, j % 3],
    "fused": lambda i, j: [i * 6 + j],
    "fused and split": lambda i, j: [(i * 6 + j) // 4, (i * 6 + j) % 4],
    "three digits": lambda i, j: [i // 6, j, i // 2 % 3, i % 2],
    "reversed": lambda i, j: [6 - i, j],
    "apart": lambda i, j: [2 * i, j + 1],
    "one more": lambda i, j: [0, i, j],
    "interleaved": lambda i, j: [i % 4, i // 4 * 6 + j],
    "skewed": lambda i, j: [i + j, j],
    "of any number": lambda *index: index[::-1],
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("pad_value", [None, 3])
def test_maps(name, pad_value):
    A = te.placeholder((7, 6), "int32", name="A")
    r = te.reduce_axis((0, 5), name="r")
    B = te.compute((7, 6), lambda i, j: te.sum(A[i, j] * r.astype("int32"), axis=r), name="B")
    C = te.compute((6, 7), lambda i, j: B[j, i] + B[6 - j, 5 - i], name="C")
    s = te.create_schedule(C.op)
    if name == "skewed" and pad_value is not None:
        with pytest.raises(ScheduleError, match="pad_value needs loops of 'B' over the new layout"):
            s[B].transform_layout(MAPS[name], pad_value)
        return
    made = s[B].transform_layout(MAPS[name], pad_value)
    assert bool(made) == (name != "skewed")
    assert len(s[B].leaf_iter_vars) == (len(made) or 2) + 1
    before = str(s)
    check_readings(s, [C], {A: filled(7, 6, dtype="int32")})
    if made:
        s[B].compute_at(s[C], "i")
        assert str(s) != before
        check_readings(s, [C], {A: filled(7, 6, dtype="int32")})


def test_sizes_in_a_map():
    n = te.size_var("n")
    A, B, C = doubled(n)
    s = te.create_schedule(C.op)
    s[B].transform_layout(lambda i: [n - 1 - i])
    assert "C[i] = B[n - i - 1] + B[i]" in str(s)
    kernel = None
    for size in (0, 1, 5):
        arrays = {A: filled(size, dtype="int32")}
        kernel = check_readings(s, [C], arrays, sizes={n: size}, kernel=kernel)
    again = te.create_schedule(C.op)
    assert str(s.trace.replay(again)) == str(s)


def test_twice_and_after_it_was_moved():
    A, B, C = doubled(16)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], 4)
    s[B].compute_at(s[C], i_o)
    s[B].transform_layout(lambda i: [i // 4, i % 4])
    s[B].transform_layout(lambda o, i: [i, o])
    assert [axis.name for axis in s[B].leaf_iter_vars] == ["i_i", "i_o"]
    check_readings(s, [C], {A: filled(16, dtype="int32")})


def test_stages_of_several_tensors_are_laid_out_together():
    A = te.placeholder((6,), "int32", name="A")
    B = te.compute((6,), lambda i: (A[i] + 1, A[i] * 2), name="B")
    C = te.compute((6,), lambda i: B[0][i] * B[1][5 - i], name="C")
    s = te.create_schedule(C.op)
    s[B[0]].transform_layout(lambda i: [i // 4, i % 4], pad_value=1)
    check_readings(s, [C], {A: filled(6, dtype="int32")})


def test_a_reduction_that_a_condition_picks_the_terms_of():
    A = te.placeholder((5, 5), "int32", name="A")
    k = te.reduce_axis((0, 5), name="k")
    B = te.compute((5,), lambda i: te.sum(A[i, k], axis=k, where=k < i), name="B")
    C = te.compute((5,), lambda i: B[4 - i], name="C")
    for pad_value in (None, 9):
        s = te.create_schedule(C.op)
        assert s[B].transform_layout(lambda i: [i // 2, i % 2], pad_value)
        check_readings(s, [C], {A: filled(5, 5, dtype="int32")})


def test_a_range_that_depends_on_another_loop_keeps_its_loops():
    A = te.placeholder((5, 5), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((5,), rule, name="B")
    C = te.compute((5,), lambda i: B[4 - i], name="C")
    s = te.create_schedule(C.op)
    assert s[B].transform_layout(lambda i: [i // 2, i % 2]) == ()
    a = filled(5, 5, dtype="int32")
    check_readings(s, [C], {A: a}, expected=[np.tril(a).sum(1, dtype="int32")[::-1].copy()])


def test_a_step_of_a_recurrence():
    A, S = (te.placeholder((5, 6), "int32", name=name) for name in "AS")
    wide = te.compute((5, 6), lambda t, j: S[t - 1, j] + A[t, j], name="wide")
    step = te.compute((5, 6), lambda t, j: wide[t, 5 - j] - wide[t, j], name="step")
    Y = te.scan(A[:1], step, S, name="Y")
    Z = te.compute((5, 6), lambda t, j: Y[t, j] + 1, name="Z")
    s = te.create_schedule(Z.op)
    made = s[wide].transform_layout(lambda j: [j // 4, j % 4], pad_value=0)
    assert [axis.name for axis in made] == ["j_o", "j_i"]
    check_readings(s, [Z], {A: filled(5, 6, dtype="int32")})
    with pytest.raises(ScheduleError, match="the steps of 'Y' read those before"):
        s[step].transform_layout(lambda t, j: [j, t])


def test_scratch_of_a_loop_kernel():
    @texpr.kernel
    def smoothed(A: texpr.f64[N], B: texpr.f64[N]):
        T = texpr.empty((N, 2), "float64")
        for i in range(N):
            T[i, 0] = A[i] * 2.0
        for i in range(N):
            T[i, 1] = 1.0
        for i in range(1, N):
            T[i, 1] = T[i - 1, 0] + T[i - 1, 1]
        for i in range(N):
            B[i] = T[i, 0] + T[i, 1]

    a = np.arange(9.0)
    wanted = np.zeros(9)
    smoothed(a, wanted)
    s = texpr.create_schedule(smoothed)
    s.transform_layout("T", lambda i, c: [c, i // 4, i % 4])
    assert "T = empty((2, (N + 3)//4, 4), float64)" in str(s)
    assert "T[1, i//4, i%4] = " in str(s)
    found = np.zeros(9)
    texpr.build(s)(a, found)
    np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ScheduleError, match="pad_value needs loops of 'S0' over the new layout"):
        s["S0"].transform_layout(lambda c, o, i: [o, c, i], 0.0)


def test_trace_prints_replays_and_is_kept():
    s, *_, C = packed(9, 40, 8, 0)
    before = str(s)
    for trace in (s.trace, Trace.from_json(s.trace.to_json()), pickle.loads(pickle.dumps(s)).trace):
        assert str(trace.replay(te.create_schedule(C.op))) == before
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(C.op).apply(namespace["schedule"])) == before
    assert "transform_layout(index_map='lambda k, j: [j//16, k, j%16]', pad_value=0)" in str(
        s.trace
    )
    plain = te.create_schedule(C.op)
    plain.cache_read("B", "local", [C])
    first = str(plain)
    plain["B_local"].transform_layout("lambda k, j: [j//16, k, j%16]")
    assert str(plain.undo()) == first


@pytest.mark.parametrize("value", [float("-inf"), float("nan"), 1])
def test_a_pad_that_is_no_finite_number_is_kept(value):
    A = te.placeholder((6,), name="A")
    B = te.compute((6,), lambda i: A[i] * 2, name="B")
    C = te.compute((6,), lambda i: B[i] + 1, name="C")
    s = te.create_schedule(C.op)
    s[B].transform_layout(lambda i: [i // 4, i % 4], value)
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(C.op).apply(namespace["schedule"])) == str(s)
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(C.op))
    assert str(again) == str(s)


# ---------------------------------------------------------------- refusals


def test_arguments():
    A, B, C = doubled(8)
    s = te.create_schedule(C.op)
    with pytest.raises(
        ScheduleError, match=r"'C' is an argument and stays as .* cache_write it first"
    ):
        s[C].transform_layout(lambda i: [i // 4, i % 4])
    with pytest.raises(ScheduleError, match=r"'A' is an argument that no stage .* cache_read it"):
        s.transform_layout("A", lambda i: [i // 4, i % 4])
    with pytest.raises(ScheduleError, match="no array 'X'; those that are no arguments are B"):
        s.transform_layout("X", lambda i: [i])
    s.transform_layout(B, lambda i: [i // 4, i % 4])
    s.transform_layout("B", lambda o, i: [i, o])
    check_readings(s, [C], {A: filled(8, dtype="int32")})


def test_maps_that_are_not_one_to_one():
    n = te.size_var("n")
    _, B, C = doubled(n)
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError) as error:
        s[B].transform_layout(lambda i: [i % 4])
    assert "lambda i: [i%4] gives two cells of 'B' one place, [0] and [4], n=5" in str(error.value)
    with pytest.raises(ScheduleError, match=r"one place, \[0\] and \[1\], n=2"):
        s[B].transform_layout(lambda i: [0])
    with pytest.raises(ScheduleError, match=r"an index below 0, \[0\], n=1; add what is missing"):
        s[B].transform_layout(lambda i: [i - 1])
    with pytest.raises(ScheduleError, match="how large i//i becomes is not known"):
        s[B].transform_layout(lambda i: [i // i])
    with pytest.raises(ScheduleError, match=r"gives every cell .* is not known, as i\*n is a prod"):
        s[B].transform_layout(lambda i: [i * n])
    assert len(s.trace) == 0


def test_maps_that_are_none():
    A, B, C = doubled(8)
    s = te.create_schedule(C.op)
    for index_map, message in {
        (lambda i, j: [i, j]): "takes 2 indices, and the array has 1",
        "lambda i, j: [i, j]": "takes 2 indices, and the array has 1",
        (lambda i: [i * 0.5]): "is float32 and no index",
        (lambda i: ["i"]): "returns 'i', which is no index",
        (lambda i: []): "returns no index",
        (lambda i: [A[i]]): "is int32 and no index",
        (lambda i: [A[i].astype("int64")]): r"uses int64\(A\[i\]\); a map is made of",
        (lambda i: [i / 4]): "cannot be traced: ",
        (lambda i: [i if i > 3 else 0]): "cannot be traced: ",
        "i//4": "'i//4' is no index map; write",
        "lambda i: [": "is no index map; write",
        (lambda i: [i // 0]): "how large i//0 becomes is not known",
        "lambda i: [m]": "uses 'm'; a map is made of",
        "lambda i: [i.__class__]": "uses i.__class__; a map is made of",
        "lambda i: [1.5]": "uses 1.5; a map is made of",
        3: "3 is no index map; pass a function",
    }.items():
        with pytest.raises(ScheduleError, match=f"transform_layout: .*{message}"):
            s[B].transform_layout(index_map)
    with pytest.raises(ScheduleError, match=r"pad_value 0\.5 is no int32, of which 'B' is"):
        s[B].transform_layout(lambda i: [i], 0.5)
    with pytest.raises(ScheduleError, match="pad_value 'x' is no int32"):
        s[B].transform_layout(lambda i: [i], "x")
    assert len(s.trace) == 0


def test_loops_that_were_scheduled():
    A, B, C = doubled(8)
    s = te.create_schedule(C.op)
    s[B].split("i", 4)
    with pytest.raises(ScheduleError, match="the loops of 'B' were scheduled before"):
        s[B].transform_layout(lambda i: [i // 4, i % 4])
    s.undo()
    s[B].parallel("i")
    with pytest.raises(ScheduleError, match="the loops of 'B' were scheduled before"):
        s[B].transform_layout(lambda i: [i // 4, i % 4])
    s.undo()
    s[B].annotate("i", "hint", 1)
    with pytest.raises(ScheduleError, match="the loops of 'B' were scheduled before"):
        s[B].transform_layout(lambda i: [i // 4, i % 4])
    D = te.compute((8,), lambda i: C[i] + B[i], name="D")
    s = te.create_schedule(D.op)
    AA = s.cache_read(A, "local", [B])
    s[AA].compute_at(s[B], "i")
    with pytest.raises(ScheduleError, match="'A_local' is computed at loop 'i' of 'B'"):
        s[B].transform_layout(lambda i: [i // 4, i % 4])
    s[C].compute_inline()
    with pytest.raises(ScheduleError, match="'C' is inlined and stores nothing"):
        s[C].transform_layout(lambda i: [i])


def test_an_initialisation_that_was_moved():
    A, B, C = product(5, 6, 4)
    D = te.compute((5, 6), lambda i, j: C[i, j] + 1, name="D")
    s = te.create_schedule(D.op)
    s[C].decompose_reduction("i")
    with pytest.raises(ScheduleError, match="the loops of 'C' were scheduled before"):
        s[C].transform_layout(lambda i, j: [j, i])
    s.undo()
    s[C].transform_layout(lambda i, j: [j, i])
    s[C].decompose_reduction("j")
    arrays = {A: filled(5, 4, dtype="int32"), B: filled(4, 6, dtype="int32", seed=1)}
    check_readings(s, [D], arrays)


def test_an_array_that_an_extern_function_takes():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    C = te.extern((4,), [B], lambda ins, outs: te.call_packed(np.copyto, outs[0], ins[0]), name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError, match="'C' passes 'B' to an extern function"):
        s[B].transform_layout(lambda i: [i // 2, i % 2])


def test_what_cannot_follow():
    A, B, C = product(5, 6, 4)
    D = te.compute((5, 6), lambda i, j: C[i, j] + 1, name="D")
    s = te.create_schedule(D.op)
    s[C].transform_layout(lambda i, j: [i // 4, j, i % 4])
    with pytest.raises(ScheduleError, match="rfactor: 'C' writes only some of its elements"):
        s.rfactor(C, "k")
    with pytest.raises(ScheduleError, match="cache_write: 'C' writes only some of its elements"):
        s.cache_write(C, "local")
    with pytest.raises(ScheduleError, match="cache_read: 'C' has cells that stand for no element"):
        s.cache_read(C, "local")
    s[C].compute_at(s[D], "i")
    check_readings(s, [D], {A: filled(5, 4, dtype="int32"), B: filled(4, 6, dtype="int32", seed=1)})


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize(
    ("tile", "panels", "width"), [(16, 1, 16), (32, 2, 16), (24, 2, 16), (8, 1, 8)]
)
def test_windows_are_as_small_as_what_is_read(tile, panels, width, is_symbolic):
    """Of both operands, in tiles of k, where tiles are panels, several, or parts of them."""
    sizes = (37, 53, 29)
    known = [te.size_var(name) for name in "mnk"] if is_symbolic else sizes
    A, B, C = product(*known)
    s = te.create_schedule(C.op)
    AA, BB = (s.cache_read(X, "local", [C]) for X in (A, B))
    s[AA].transform_layout(lambda i, k: [i // 4, k, i % 4], 0)
    s[BB].transform_layout(lambda k, j: [j // 16, k, j % 16], 0)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, tile)
    k_o, k_i = s[C].split("k", 8)
    s[C].reorder(i_o, j_o, k_o, k_i, i_i, j_i)
    s[AA].compute_at(s[C], k_o)
    s[BB].compute_at(s[C], k_o)
    assert "A_local = empty((1, 8, 4), int32" in str(s)
    assert f"B_local = empty(({panels}, 8, {width}), int32" in str(s)
    arrays = {A: filled(37, 29, dtype="int32"), B: filled(29, 53, dtype="int32", seed=1)}
    values = dict(zip(known, sizes, strict=True)) if is_symbolic else None
    check_readings(s, [C], arrays, sizes=values)


def test_a_row_of_a_panel_is_loaded_as_a_vector():
    s, *_, C = packed(8, 64, 32, None)
    s[C].vectorize("j_i")
    text = texpr.build(s).llvm
    assert "masked.gather" not in text
    assert "x i32>" in text
