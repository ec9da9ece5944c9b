"""Stencils over time, tiled by hand: skewed, in wavefronts, of two statements, in place.

Each nest is a golden file and is run, interpreted and compiled, against NumPy.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import texpr
from tests.readings import story
from texpr.errors import IllegalScheduleError
from texpr.ir.interpreter import interpret

N, T = texpr.size("N"), texpr.size("T")

# Time steps and points: none, fewer than a tile, just one, one more, primes.
SIZES = [(t, n) for t in (1, 2, 4, 5, 6, 13) for n in (2, 3, 8, 9, 10, 19, 31)]


def agree(s, reference, arrays, sizes=SIZES):
    """Compare a schedule, interpreted and compiled, with NumPy at every size."""
    built = texpr.build(s)
    rng = np.random.default_rng(0)
    for t, n in sizes:
        start = [rng.random(shape) for shape in arrays(t, n)]
        scalars = (t,) * len(s.declared.scalars)
        wanted = [array.copy() for array in start]
        reference(t, *wanted)
        for run in (lambda *given: interpret(s.program, *given), built):
            found = [array.copy() for array in start]
            run(*scalars, *found)
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=f"{t} {n}\n{s}")
    return built


# ---------------------------------------------------------------- one statement


@texpr.kernel
def heat(A: texpr.f64[T, N]):
    for t in range(T - 1):
        for i in range(1, N - 1):
            A[t + 1, i] = A[t, i] + 0.1 * (A[t, i - 1] - 2 * A[t, i] + A[t, i + 1])


def numpy_heat(_, a):
    for t in range(len(a) - 1):
        a[t + 1, 1:-1] = a[t, 1:-1] + 0.1 * (a[t, :-2] - 2 * a[t, 1:-1] + a[t, 2:])


def skewed_tiles():
    s = texpr.create_schedule(heat)
    i_s = s.skew("t", "i")
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split(i_s, 8)
    s.reorder(t_o, i_o, t_i, i_i)
    return s, t_o, i_o


def test_skewed_and_tiled(golden):
    s, _, _ = skewed_tiles()
    built = agree(s, numpy_heat, lambda t, n: [(t, n)])
    golden(f"{story(str(texpr.create_schedule(heat)), s)}\n\n{built.program}", "heat_tiled")


def test_tiles_without_the_skew_are_refused():
    s = texpr.create_schedule(heat)
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split("i", 8)
    with pytest.raises(IllegalScheduleError) as info:
        s.reorder(t_o, i_o, t_i, i_i)
    text = str(info.value)
    assert "instance (t=1, i=8) reads A[1, 9], which instance (t=0, i=9) writes" in text
    assert "legal here: reorder(t_o, t_i, i_o, i_i)" not in text


def test_tiles_that_reach_further_back_than_their_skew_are_refused():
    s = texpr.create_schedule(heat)
    i_s = s.skew("t", "i", -1)
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split(i_s, 8)
    with pytest.raises(IllegalScheduleError):
        s.reorder(t_o, i_o, t_i, i_i)


def test_the_order_of_splits_and_skew_does_not_matter():
    s, _, _ = skewed_tiles()
    other = texpr.create_schedule(heat)
    other.split(other.skew("t", "i"), 8)
    other.split("t", 4)
    other.reorder("t_o", "i_s_o", "t_i", "i_s_i")
    assert str(s) == str(other)


# ---------------------------------------------------------------- wavefronts of tiles


def wavefronts():
    s, t_o, i_o = skewed_tiles()
    wave = s.skew(t_o, i_o)
    s.reorder(wave, t_o)
    s.parallel(t_o)
    return s


def test_wavefronts(golden):
    s = wavefronts()
    built = agree(s, numpy_heat, lambda t, n: [(t, n)])
    golden(f"{story(str(texpr.create_schedule(heat)), s)}\n\n{built.program}", "heat_wavefronts")


def test_parallel_tiles_without_wavefronts_are_refused():
    s, t_o, i_o = skewed_tiles()
    for loop in (t_o, i_o):
        verdict = s["S0"].why_not("parallel", loop)
        assert verdict is not None
        assert verdict.fault == "parallel"
        assert verdict.source is not None
        assert verdict.sink is not None
    s.reorder(i_o, t_o)
    with pytest.raises(IllegalScheduleError) as info:
        s.parallel(t_o)
    assert "in parallel over t_o nothing says which comes first." in str(info.value)


# ---------------------------------------------------------------- two statements


@texpr.kernel
def jacobi(T: texpr.size, A: texpr.f64[N], B: texpr.f64[N]):
    for t in range(T):  # noqa: B007 - no subscript has it
        for i in range(1, N - 1):
            B[i] = (A[i - 1] + A[i] + A[i + 1]) / 3
        for j in range(1, N - 1):
            A[j] = (B[j - 1] + B[j] + B[j + 1]) / 3


def numpy_jacobi(steps, a, b):
    for _ in range(steps):
        b[1:-1] = (a[:-2] + a[1:-1] + a[2:]) / 3
        a[1:-1] = (b[:-2] + b[1:-1] + b[2:]) / 3


def test_of_two_statements(golden):
    s = texpr.create_schedule(jacobi)
    assert s["S0"].why_not("fuse_loops", "i", other="S1", second="j").legal == (
        "fuse_loops(i, j, shift=1)",
    )
    both = s.fuse_loops("i", "j", shift=1)
    i_s = s.skew("t", both, 2)
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split(i_s, 8)
    s.reorder(t_o, i_o, t_i, i_i)
    agree(s, numpy_jacobi, lambda _, n: [(n,), (n,)])
    s.fission(i_i, after="S0")
    built = agree(s, numpy_jacobi, lambda _, n: [(n,), (n,)])
    golden(f"{story(str(texpr.create_schedule(jacobi)), s)}\n\n{built.program}", "jacobi_tiled")


def test_of_two_statements_skewed_too_little():
    s = texpr.create_schedule(jacobi)
    i_s = s.skew("t", s.fuse_loops("i", "j", shift=1), 1)
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split(i_s, 8)
    with pytest.raises(IllegalScheduleError):
        s.reorder(t_o, i_o, t_i, i_i)


def test_of_two_statements_in_wavefronts():
    s = texpr.create_schedule(jacobi)
    i_s = s.skew("t", s.fuse_loops("i", "j", shift=1), 2)
    t_o, t_i = s.split("t", 4)
    i_o, i_i = s.split(i_s, 8)
    s.reorder(t_o, i_o, t_i, i_i)
    wave = s.skew(t_o, i_o)
    s.reorder(wave, t_o)
    assert s["S0"].why_not("parallel", wave) is not None
    s.parallel(t_o)
    s["S0"].vectorize(s.fission(i_i, after="S0")[0])
    agree(s, numpy_jacobi, lambda _, n: [(n,), (n,)])


# ---------------------------------------------------------------- in place


@texpr.kernel
def seidel(T: texpr.size, A: texpr.f64[N, N]):
    for t in range(T):  # noqa: B007 - no subscript has it
        for i in range(1, N - 1):
            for j in range(1, N - 1):
                A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j]) / 5


def numpy_seidel(steps, a):
    for _ in range(steps):
        for i in range(1, len(a) - 1):
            for j in range(1, len(a) - 1):
                a[i, j] = (
                    a[i - 1, j] + a[i, j - 1] + a[i, j] + a[i, j + 1] + a[i + 1, j]
                ) / 5  # fmt: skip


SQUARES = [(t, n) for t in (0, 1, 2, 5) for n in (2, 3, 4, 9, 10)]


def test_diagonals_in_place(golden):
    """Along a diagonal no point needs another, so that one of the loops runs in parallel."""
    s = texpr.create_schedule(seidel)
    j_s = s.skew("i", "j")
    s.reorder(j_s, "i")
    assert s["S0"].why_not("parallel", j_s) is not None
    s.parallel("i")
    built = agree(s, numpy_seidel, lambda _, n: [(n, n)], SQUARES)
    golden(f"{story(str(texpr.create_schedule(seidel)), s)}\n\n{built.program}", "seidel_diagonals")


def test_time_tiles_in_place():
    """Three loops tiled, the inner ones moving along with time."""
    s = texpr.create_schedule(seidel)
    loops = ["t", s.skew("t", "i"), s.skew("t", "j")]
    parts = [s.split(loop, 4) for loop in loops]
    s.reorder(*(outer for outer, _ in parts), *(inner for _, inner in parts))
    agree(s, numpy_seidel, lambda _, n: [(n, n)], SQUARES)


# ---------------------------------------------------------------- the record


def test_what_was_done_is_kept():
    """Printed, in JSON, pickled, and taken back."""
    s = texpr.create_schedule(jacobi)
    texts = [str(s)]
    steps = [
        lambda: s.shift("j", 1),
        lambda: s.fuse_loops("i", "j_m"),
        lambda: s.skew("t", "i_f", 2),
        lambda: s.split("t", 4),
        lambda: s.split("i_f_s", 8),
        lambda: s.reorder("t_o", "i_f_s_o", "t_i", "i_f_s_i"),
        lambda: s.fission("i_f_s_i", after="S0"),
        lambda: s["S0"].reverse("i_f_s_i_1"),
    ]
    for step in steps:
        step()
        texts.append(str(s))
    agree(s, numpy_jacobi, lambda _, n: [(n,), (n,)], SIZES[::5])

    made: dict[str, object] = {}
    exec(str(s.trace), made)
    by_text = texpr.create_schedule(jacobi)
    made["schedule"](by_text)
    by_json = texpr.create_schedule(jacobi)
    type(s.trace).from_json(s.trace.to_json()).replay(by_json)
    for other in (by_text, by_json, pickle.loads(pickle.dumps(s))):
        assert str(other) == texts[-1]
    for text in reversed(texts[:-1]):
        s.undo()
        assert str(s) == text
