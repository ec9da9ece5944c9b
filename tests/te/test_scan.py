"""Recurrences: states made step by step, and schedules of their stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import (
    BoundsError,
    DTypeError,
    IllegalScheduleError,
    LoweringError,
    ScheduleError,
    ShapeError,
    TexprError,
    UninitializedError,
)

m, n = te.size_var("m"), te.size_var("n")
X = te.placeholder((m, n), name="X")


def state(*shape: Any, dtype: str = "float32", name: str = "S") -> te.Tensor:
    return te.placeholder(shape or (m, n), dtype, name=name)


def running_sum() -> te.Tensor:
    S = state()
    first = te.compute((1, n), lambda t, i: X[t, i], name="first")
    step = te.compute((m, n), lambda t, i: S[t - 1, i] + X[t, i], name="step")
    return te.scan(first, step, S, inputs=[X], name="Y")


def two_stages() -> te.Tensor:
    S = state()
    first = te.compute((1, n), lambda t, i: X[t, i], name="first")
    twice = te.compute((m, n), lambda t, i: S[t - 1, i] * 2, name="twice")
    step = te.compute((m, n), lambda t, i: twice[t, i] + X[t, i], name="step")
    return te.scan(first, step, S, name="Y")


def lstm(steps: Any, batch: int, inputs: int, hidden: int) -> tuple[te.Tensor, ...]:
    """An LSTM of which the states are the hidden one and the cell."""
    data = te.placeholder((steps, batch, inputs), name="data")
    Wx = te.placeholder((4, hidden, inputs), name="Wx")
    Wh = te.placeholder((4, hidden, hidden), name="Wh")
    k, l = te.reduce_axis((0, inputs), name="k"), te.reduce_axis((0, hidden), name="l")  # noqa: E741
    from_data = te.compute(
        (steps, batch, 4, hidden),
        lambda t, b, g, x: te.sum(data[t, b, k] * Wx[g, x, k], axis=k),
        name="from_data",
    )
    H, C = state(steps, batch, hidden, name="H"), state(steps, batch, hidden, name="C")
    from_state = te.compute(
        (steps, batch, 4, hidden),
        lambda t, b, g, x: te.sum(H[t - 1, b, l] * Wh[g, x, l], axis=l),
        name="from_state",
    )
    gates = te.compute(
        (steps, batch, 4, hidden),
        lambda t, b, g, x: from_data[t, b, g, x] + from_state[t, b, g, x],
        name="gates",
    )
    shape = (steps, batch, hidden)
    next_c = te.compute(
        shape,
        lambda t, b, x: (
            te.sigmoid(gates[t, b, 1, x]) * C[t - 1, b, x]
            + te.sigmoid(gates[t, b, 0, x]) * te.tanh(gates[t, b, 2, x])
        ),
        name="next_c",
    )
    next_h = te.compute(
        shape,
        lambda t, b, x: te.sigmoid(gates[t, b, 3, x]) * te.tanh(next_c[t, b, x]),
        name="next_h",
    )
    zeros = [te.compute((1, batch, hidden), lambda t, b, x: 0.0, name=f"zero_{k}") for k in "hc"]
    return te.scan(zeros, [next_h, next_c], [H, C], name="lstm")


# ---------------------------------------------------------------- programs


def test_programs_print_and_run(golden):
    running, staged, cells = running_sum(), two_stages(), lstm(m, 2, 3, 4)
    schedules = [
        te.create_schedule(running.op),
        te.create_schedule(staged.op),
        te.create_schedule([t.op for t in cells]),
    ]
    golden("\n\n".join(map(str, schedules)), "te_scan")
    for steps in (1, 2, 5):
        for s, Y in zip(schedules, (running, staged), strict=False):
            for width in (0, 1, 4):
                check_readings(s, [Y], {X: filled(steps, width)}, sizes={m: steps, n: width})
    wanted = np.cumsum(filled(5, 3), axis=0)
    check_readings(
        schedules[0], [running], {X: filled(5, 3)}, expected=[wanted], sizes={m: 5, n: 3}
    )


def test_lstm_scheduled():
    cells = lstm(5, 2, 3, 4)
    s = te.create_schedule(cells[0].op)
    by_name = {stage.name: stage for stage in s.stages}
    assert [*by_name] == [
        "zero_h", "zero_c", "from_data", "from_state", "gates", "next_c", "next_h",
    ]  # fmt: skip
    stage = by_name["from_state"]
    _, b, g, x = stage.op.axis
    (l,) = stage.op.reduce_axis  # noqa: E741
    stage.reorder(b, l, g, x)
    stage.vectorize(x)
    stage.parallel(b)
    for name in ("gates", "next_c", "next_h"):
        own = by_name[name]
        own.vectorize(own.op.axis[-1])
        own.unroll(own.op.axis[1])
    inputs = {p.name: p for p in s.declared.buffers[:3]}
    arrays = {p: filled(*map(int, p.shape)) / 4 for p in inputs.values()}
    data, Wx, Wh = (arrays[inputs[name]] for name in ("data", "Wx", "Wh"))
    check_readings(s, list(cells), arrays, expected=numpy_lstm(data, Wx, Wh))


def numpy_lstm(data: np.ndarray, Wx: np.ndarray, Wh: np.ndarray) -> list[np.ndarray]:
    steps, batch, _ = data.shape
    h, c = (np.zeros((steps, batch, Wh.shape[1])) for _ in range(2))

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    for t in range(1, steps):
        gates = np.einsum("bk,gxk->bgx", data[t], Wx) + np.einsum("bl,gxl->bgx", h[t - 1], Wh)
        into, forget, value, out = gates.transpose(1, 0, 2)
        c[t] = sigmoid(forget) * c[t - 1] + sigmoid(into) * np.tanh(value)
        h[t] = sigmoid(out) * np.tanh(c[t])
    return [h.astype("float32"), c.astype("float32")]


def test_a_state_that_only_collects():
    S, E = state(4), state(4, name="E")
    zero = [te.compute((1,), lambda t: 0.0, name=f"zero{k}") for k in range(2)]
    step = te.compute((4,), lambda t: S[t - 1] + 1, name="step")
    even = te.compute((4,), lambda t: te.floormod(step[t], 2.0), name="even")
    total, parity = te.scan(zero, [step, even], [S, E], name="Y")
    kernel = texpr.build(te.create_schedule([total.op]))
    assert [a.tolist() for a in kernel()] == [[0, 1, 2, 3], [0, 1, 0, 1]]
    assert (total.name, parity.name) == ("Y_v0", "Y_v1")


def test_one_update_of_two_results():
    P, Q = state(6, name="P"), state(6, name="Q")
    ones, zeros = te.compute((1,), lambda t: (1.0, 0.0), name="start")
    step = te.compute((6,), lambda t: (P[t - 1] + Q[t - 1], P[t - 1]), name="step")
    p, q = te.scan([ones, zeros], list(step), [P, Q], name="fibonacci")
    s = te.create_schedule(p.op)
    wanted = np.array([1, 1, 2, 3, 5, 8], "float32")
    check_readings(s, [p, q], {}, expected=[wanted, np.array([0, *wanted[:-1]], "float32")])


def test_several_first_rows_and_steps_back():
    S = state(7, dtype="int64")
    first = te.compute((2,), lambda t: t + 1, name="first")
    Y = te.scan(first, te.compute((7,), lambda t: S[t - 1] + S[t - 2], name="step"), S, name="Y")
    wanted = np.array([1, 2, 3, 5, 8, 13, 21])
    check_readings(te.create_schedule(Y.op), [Y], {}, expected=[wanted])


def test_as_many_first_rows_as_steps_leave_nothing_to_do():
    S = state(2)
    first = te.compute((2,), lambda t: 1.0, name="first")
    Y = te.scan(first, te.compute((2,), lambda t: S[t - 1], name="step"), S, name="Y")
    assert texpr.build(te.create_schedule(Y.op))().tolist() == [1, 1]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_operators_on_whole_tensors_within_the_step(steps):
    X, S = (te.placeholder((steps, 2), "float64", name=name) for name in "XS")
    W = te.placeholder((2, 2), "float64", name="W")
    before = te.compute((steps, 2), lambda t, j: S[t - 1, j], name="before")
    z = te.einsum("tj,jk->tk", before, W) + X
    y = te.tanh(z - z.max(axis=1, keepdims=True)).reshape(steps, 1, 2)
    last = te.scan(X[:1], y.transpose(0, 2, 1).reshape(steps, 2), S)
    x, w = np.arange(2.0 * steps).reshape(steps, 2), np.array([[0.0, 1.0], [0.5, 2.0]])
    expected = [x[0]]
    for row in x[1:]:
        expected.append(np.tanh((y := expected[-1] @ w + row) - y.max()))
    kernel = texpr.build(te.create_schedule(last.op), [X, W, last])
    np.testing.assert_allclose(kernel(x, w), expected)


def test_a_symbolic_number_of_first_rows():
    S, r = state(), te.size_var("r")
    step = te.compute((m, n), lambda t, i: S[t - 1, i] + X[t, i], name="step")
    some, any_ = (te.placeholder((rows, n), name="F") for rows in (r + 1, r))
    kernel = texpr.build(te.create_schedule(te.scan(some, step, S, name="Y").op))
    assert kernel(filled(1, 2), filled(3, 2)).shape == (3, 2)
    with pytest.raises(ShapeError, match=r"it requires m > r"):
        kernel(filled(4, 2), filled(3, 2))
    # Without any, the first step would read the row before the first.
    with pytest.raises(UninitializedError, match=r"reads 'Y' with r=0, n=1, m=1, at t=0, i=0, and"):
        texpr.build(te.create_schedule(te.scan(any_, step, S, name="Y").op))


@pytest.mark.parametrize("kind", ["input", "shared", "output", "twice", "extern"])
def test_first_rows_that_serve_others_as_well_are_copied(kind):
    S, Q = state(3), state(3, name="Q")
    given = te.placeholder((1,), name="given")
    rows = te.compute((1,), lambda t: given[t] + 1, name="rows")
    if kind == "input":
        rows = given
    if kind == "extern":
        rows = te.extern(
            (1,), [given], te.packed(lambda a, out: np.add(a, 1, out=out)), name="rows"
        )
    more = rows[0] if kind == "shared" else 1.0
    steps = [te.compute((3,), lambda t, T=T: T[t - 1] + more, name="step") for T in (S, Q)]
    if kind == "twice":
        Y = te.scan([rows, rows], steps, [S, Q], name="Y")[0]
    else:
        Y = te.scan(rows, steps[0], S, name="Y")
    s = te.create_schedule([Y.op, rows.op] if kind == "output" else [Y.op])
    assert "Y_init" in s.state.declared.stages
    s["Y_init"].unroll(s["Y_init"].op.axis[0])
    first = 5 if kind == "input" else 6
    found = texpr.build(s)(np.array([5], "float32"))
    found = found[0] if isinstance(found, tuple) else found
    assert found.tolist() == [first, first + (6 if kind == "shared" else 1), found[2]]


def test_what_comes_after_reads_the_result():
    Y = running_sum()
    after = te.compute((m, n), lambda t, i: Y[m - 1 - t, i] * 2, name="after")
    mean = te.extern((n,), [after], te.packed(lambda a, out: np.mean(a, axis=0, out=out)), name="M")
    s = te.create_schedule(mean.op)
    check_readings(s, [mean], {X: filled(4, 3)}, sizes={m: 4, n: 3})


def test_scans_of_the_same_steps_state_their_need_once():
    Y, S = running_sum(), state(name="S2")
    step = te.compute((m, n), lambda t, i: S[t - 1, i] + Y[t, i], name="step2")
    Z = te.scan(te.compute((1, n), lambda t, i: 0.0, name="none"), step, S, name="Z")
    assert str(te.create_schedule(Z.op)).count("require m >= 1") == 1


def test_a_scan_over_a_scan():
    Y, S = running_sum(), state(name="S2")
    first = te.compute((1, n), lambda t, i: Y[t, i], name="first")
    step = te.compute((m, n), lambda t, i: S[t - 1, i] + Y[t, i], name="step")
    Z = te.scan(first, step, S, name="Z")
    s = te.create_schedule(Z.op)
    assert [*s.state.declared.stages] == ["first", "step", "first_1", "step_1"]
    wanted = np.cumsum(np.cumsum(filled(4, 3), axis=0), axis=0)
    check_readings(s, [Z], {X: filled(4, 3)}, sizes={m: 4, n: 3}, expected=[wanted])


def test_dynamic_programming_on_data():
    """Each step reads a column that is data: which subset sums can be reached?"""
    weight = te.placeholder((m,), "int64", name="weight")
    S = state(m + 1, 9, dtype="bool")
    first = te.compute((1, 9), lambda t, j: j.equal(0), name="first")
    step = te.compute(
        (m + 1, 9),
        lambda t, j: te.any(
            S[t - 1, j],
            te.if_then_else(
                te.all(weight[t - 1] >= 0, j >= weight[t - 1]), S[t - 1, j - weight[t - 1]], False
            ),
        ),
        name="step",
    )
    Y = te.scan(first, step, S, name="Y")
    kernel = texpr.build(te.create_schedule(Y.op))
    found = kernel(np.array([3, 5]))
    assert np.flatnonzero(found[-1]).tolist() == [0, 3, 5, 8]


# ---------------------------------------------------------------- schedules


def test_stages_are_found_by_tensor_and_operation():
    Y = two_stages()
    s = te.create_schedule(Y.op)
    first, step = Y.op.init[0], Y.op.update[0]
    twice = step.op.input_tensors[0]
    assert [s[T].name for T in (first, twice, step, Y)] == ["first", "twice", "step", "step"]
    assert s[Y.op].op is Y.op
    assert s[step].op is step.op
    # The axis of time is the scan's and that of every stage of a step.
    t = Y.op.scan_axis
    assert s[twice].leaf_iter_vars[0] is s[step].leaf_iter_vars[0] is t
    outer, inner = s[twice].split(twice.op.axis[0], factor=2)
    assert s[Y].leaf_iter_vars[:2] == (outer, inner)
    with pytest.raises(ScheduleError, match=r"split: loop 't' of 'step' became t_o and t_i"):
        s[step].split(t, factor=2)
    check_readings(s, [Y], {X: filled(5, 3)}, sizes={m: 5, n: 3})


def test_time_keeps_its_order():
    Y = running_sum()
    s = te.create_schedule(Y.op)
    for primitive in ("parallel", "vectorize"):
        values = {"lanes": 4} if primitive == "vectorize" else {}
        verdict = s[Y].why_not(primitive, Y.op.scan_axis, **values)
        assert (verdict.kind, verdict.dependence, verdict.cell) == ("illegal", "flow", "Y[1, 0]")
        assert (verdict.source.values, verdict.sink.values) == (
            {"t": 1, "i": 0},
            {"t": 2, "i": 0},
        )
    with pytest.raises(IllegalScheduleError, match=r"instance \(t=2, i=0\) reads Y\[1, 0\], which"):
        s[Y].parallel(Y.op.scan_axis)


def test_time_and_data_change_places_where_columns_do_not_meet():
    Y = running_sum()
    s = te.create_schedule(Y.op)
    t, i = s[Y].leaf_iter_vars
    s[Y].reorder(i, t)
    s[Y].parallel(i)
    s[Y].unroll(s[Y].split(t, factor=2)[1])
    check_readings(s, [Y], {X: filled(5, 3)}, sizes={m: 5, n: 3})
    # A column that reads its neighbour needs it complete.
    S = state(5, 6)
    first = te.compute((1, 6), lambda t, i: 1.0, name="first")
    step = te.compute((5, 6), lambda t, i: S[t - 1, i] + S[t - 1, te.min(i + 1, 5)], name="step")
    Z = te.scan(first, step, S, name="Z")
    s = te.create_schedule(Z.op)
    with pytest.raises(IllegalScheduleError, match=r"instance \(t=2, i=0\) reads Z\[1, 1\]"):
        s[Z].reorder(*reversed(s[Z].leaf_iter_vars))
    s[Z].parallel(s[Z].leaf_iter_vars[1])


def test_a_tensor_within_the_step_has_one_row():
    Y = two_stages()
    s = te.create_schedule(Y.op)
    assert "twice = empty((n,), float32)" in str(s)
    twice = Y.op.update[0].op.input_tensors[0]
    with pytest.raises(LoweringError, match=r"twice: float32\[m, n\]> is not computed by this pro"):
        texpr.build(s, [X, Y, twice])


def test_a_tensor_within_the_step_is_inlined():
    S = state()
    first = te.compute((1, n), lambda t, i: X[t, i], name="first")
    scaled = te.compute((m, n), lambda t, i: S[t - 1, i] * 2, name="scaled")
    moved = te.compute((m, n), lambda t, i: scaled[t, i] + X[t, i], name="moved")
    step = te.compute((m, n), lambda t, i: moved[t, n - 1 - i] * moved[t, i], name="step")
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op, fp="exact", contract=False)
    s[moved].compute_inline()
    assert str(s).endswith("Y[t, i] = (scaled[n - i - 1] + X[t, n - i - 1])*(scaled[i] + X[t, i])")
    s[step].vectorize(s[step].split(step.op.axis[1], factor=4)[1])
    for width in (1, 5):
        check_readings(s, [Y], {X: filled(4, width)}, sizes={m: 4, n: width})
    # What it reads of the state would be read while the state is being written.
    with pytest.raises(ScheduleError, match=r"compute_inline: 'scaled' does not give every elem"):
        s[scaled].compute_inline()


# ---------------------------------------------------------------- mistakes


def test_the_future_is_refused_with_the_instance():
    S = state()
    first = te.compute((1, n), lambda t, i: 0.0, name="first")
    for ahead in (0, 1):
        step = te.compute((m, n), lambda t, i, k=ahead: S[t + k, i] + 1, name="step")
        s = te.create_schedule(te.scan(first, step, S, name="Y").op)
        text = (
            r"step: Y\[t, i\] \+?= .* \(test_scan.py:\d+\) reads 'Y' with .*m=2, at t=1, i=0, and "
            r"nothing wrote it before; a step can read earlier ones only"
        )
        with pytest.raises(UninitializedError, match=text):
            texpr.build(s)


def test_too_far_back_is_refused():
    S = state(5)
    first = te.compute((1,), lambda t: 0.0, name="first")
    step = te.compute((5,), lambda t: S[t - 2] + 1, name="step")
    s = te.create_schedule(te.scan(first, step, S, name="Y").op)
    with pytest.raises(UninitializedError, match=r"reads 'Y' at t=1, and nothing wrote it before"):
        texpr.build(s)


def test_an_update_that_waits_for_the_other_one():
    P, Q = state(4, name="P"), state(4, name="Q")
    zero = [te.compute((1,), lambda t: 0.0, name=f"zero{k}") for k in range(2)]
    early = te.compute((4,), lambda t: Q[t] + 1, name="early")
    late = te.compute((4,), lambda t: P[t - 1] + 1, name="late")
    s = te.create_schedule(te.scan(zero, [early, late], [P, Q], name="Y")[0].op)
    with pytest.raises(UninitializedError, match=r"early: .* reads 'Y_v1' at t=1, and nothing"):
        texpr.build(s)


def _scan(**changes: Any) -> Any:
    S = state(5, 3)
    parts = {
        "init": te.compute((1, 3), lambda t, i: 0.0, name="first"),
        "update": te.compute((5, 3), lambda t, i: S[t - 1, i] + 1, name="step"),
        "state_placeholder": S,
    }
    return te.scan(**{**parts, **changes}, name="Y")


def _inside(make: Any) -> Any:
    """A scan whose update reads ``make(S)``."""
    S = state(5, 3)
    inner = make(S)
    first = te.compute((1, 3), lambda t, i: 0.0, name="first")
    step = te.compute((5, 3), lambda t, i: inner[t, i] + 1, name="step")
    return te.scan(first, step, S, name="Y")


def _rows(*shape: int, dtype: str = "float32") -> te.Tensor:
    return te.compute(shape, lambda *at: te.const(0, dtype), name="rows")


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (
            lambda: _scan(init=[_rows(1, 3), _rows(1, 3)]),
            ShapeError,
            "'Y' has 2 init, 1 update and 1 state_placeholder; pass one of each for every state",
        ),
        (
            lambda: te.scan([], [], []),
            ShapeError,
            "'scan' has 0 init, 0 update and 0 state_placeholder",
        ),
        (lambda: _scan(init="x"), DTypeError, "init of 'Y' has 'x', which is no tensor"),
        (lambda: _scan(inputs=[3]), DTypeError, "inputs of 'Y' has 3, which is no tensor"),
        (lambda: _scan(init=_rows(1, 4)), ShapeError, "init of 'Y' is .*; make them alike but for"),
        (lambda: _scan(init=_rows(1)), ShapeError, "init of 'Y' is .*; make them alike but for"),
        (
            lambda: _scan(init=_rows(6, 3)),
            ShapeError,
            "init of 'Y' has 6 rows, and the state only",
        ),
        (
            lambda: _scan(update=_rows(4, 3)),
            ShapeError,
            "update of 'Y' is .*; make them alike",
        ),
        (
            lambda: _scan(init=_rows(1, 3, dtype="int32")),
            DTypeError,
            "init of 'Y' is .*int32.*; make them of one type, .astype.'float32'",
        ),
        (lambda: _scan(update=_rows(5, 3)), TexprError, r"no step of 'Y' reads a state; read S\[t"),
        (lambda: _scan(update=state(5, 3)), TexprError, "is made by a PlaceholderOp; pass the res"),
        (
            lambda: _scan(state_placeholder=_rows(5, 3)),
            TexprError,
            "the state <tensor rows.*> of 'Y' is computed; pass a te.placeholder",
        ),
        (
            lambda: te.scan(
                _rows(), _rows(), state()[0] if False else te.placeholder((), name="S")
            ),
            ShapeError,
            "has no dimension; its first one is time",
        ),
        (
            lambda: te.scan(_rows(1), _rows(4), state(4), inputs=3),
            DTypeError,
            "inputs of 'scan' has 3, which is no tensor; pass tensors",
        ),
        (
            lambda: te.scan([_rows(1)] * 2, [_rows(4)] * 2, [state(4), state(4)]),
            TexprError,
            "a tensor is given twice as update of 'scan'; pass it once",
        ),
        (
            lambda: te.scan(
                [_rows(1), _rows(2)], [_rows(4), _rows(4)], [state(4), state(4, name="Q")]
            ),
            ShapeError,
            "init of 'scan' has .* and .*; give all states the same steps",
        ),
        (
            lambda: _inside(lambda S: te.compute((4, 3), lambda t, i: S[t, i], name="short")),
            ShapeError,
            r"<tensor short.*> depends on a state of 'Y', and its first axis is not time",
        ),
        (
            lambda: _inside(
                lambda S: te.extern((5, 3), [S], te.packed(lambda a, out: None), name="outside")
            ),
            TexprError,
            "'outside', a ExternOp, depends on a state of 'Y', and a step consists of te.compute",
        ),
        (
            lambda: _inside(
                lambda S: te.scan(
                    te.compute((1, 3), lambda t, i: S[0, i], name="f"),
                    te.compute((5, 3), lambda t, i: T5[t - 1, i], name="u"),
                    T5,
                    name="inner",
                )
            ),
            TexprError,
            "'inner', a ScanOp, depends on a state of 'Y'",
        ),
    ],
)
def test_mistakes_of_declaration(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


T5 = te.placeholder((5, 3), name="T5")


def test_a_step_does_not_read_what_another_step_computed_within():
    S = state(5)
    first = te.compute((1,), lambda t: 0.0, name="first")
    inner = te.compute((5,), lambda t: S[t - 1] * 2, name="inner")
    step = te.compute((5,), lambda t: inner[t - 1], name="step")
    with pytest.raises(TexprError, match=r"'step' reads inner\[t - 1\], and 'inner' has a value"):
        te.scan(first, step, S, name="Y")


def test_the_inside_of_a_scan_is_not_read_outside():
    Y = two_stages()
    step, S = Y.op.update[0], Y.op.state_placeholder[0]
    for inside in (step, step.op.input_tensors[0], S):
        Z = te.compute((m, n), lambda t, i, T=inside: T[t, i] + Y[t, i], name="Z")
        with pytest.raises(TexprError, match=rf"'{inside.name}' has a value within the steps of t"):
            te.create_schedule(Z.op)
    with pytest.raises(TexprError, match=r"'step' has a value within the steps of the scan 'Y' on"):
        te.create_schedule([step.op, Y.op])
    again = te.scan(Y.op.init, Y.op.update, Y.op.state_placeholder, name="again")
    with pytest.raises(TexprError, match=r"is in the steps of two scans, 'Y' and 'again'; declare"):
        te.create_schedule([Y.op, again.op])


def test_fewer_steps_than_first_rows():
    kernel = texpr.build(te.create_schedule(running_sum().op))
    assert str(kernel.signature).endswith("where m >= 1")
    with pytest.raises(ShapeError, match=r"Y: it requires m >= 1, but m = 0"):
        kernel(filled(0, 2))


def test_a_column_that_no_row_may_have_is_checked_at_the_call():
    width = te.size_var("l")
    S, Q = state(), state(m, width, name="Q")
    first = te.compute((1, n), lambda t, i: X[0, i], name="first")
    zero = te.compute((1, width), lambda t, i: 0.0, name="zero")
    step = te.compute((m, n), lambda t, i: S[t - 1, i] + X[t, i], name="step")
    total = te.compute((m, width), lambda t, i: Q[t - 1, i] + S[t - 1, 0], name="total")
    sums, totals = te.scan([first, zero], [step, total], [S, Q], name="Y")
    kernel = texpr.build(te.create_schedule(sums.op), [X, sums, totals])
    y, q = np.zeros((3, 2), "float32"), np.zeros((3, 4), "float32")
    kernel(np.ones((3, 2), "float32"), y, q)
    assert q.tolist() == [[0] * 4, [1] * 4, [3] * 4]
    with pytest.raises(BoundsError, match="index 0 is outside dimension 1 of extent 0"):
        kernel(np.ones((3, 0), "float32"), y[:, :0].copy(), q)
    ahead = te.compute((m, width), lambda t, i: Q[t - 1, i] + S[t + 1, 0], name="ahead")
    sums, totals = te.scan([first, zero], [step, ahead], [S, Q], name="Y")
    with pytest.raises(UninitializedError, match=r"reads 'Y_v0' with n=1, l=1, m=2, at t=1, i=0"):
        texpr.build(te.create_schedule(sums.op), [X, sums, totals])
