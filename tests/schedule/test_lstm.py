"""An LSTM as a scan, scheduled by hand: products in tiles, gates within the step, lanes."""

from __future__ import annotations

import pytest

from tests.readings import check_readings, filled, story
from tests.te.test_scan import lstm, numpy_lstm
from texpr import te

LANES, DEPTH = 4, 2


def tiled(s):
    """Compute the product with the state in the tile of the gates that reads it."""
    gates = s["gates"]
    x_o, x_i = gates.split("x", LANES)
    gates.reorder("b", x_o, "g", x_i)
    s["from_state"].compute_at(gates, x_o)
    for product in s.stages_called("from_*"):
        lane = product.data_loops[-1]
        outer, inner = product.split(*product.reduce_loops, DEPTH)
        product.reorder(outer, inner, "g", lane)
        product.vectorize(lane)
    gates.vectorize(x_i)
    for state in s.stages_called("next_*"):
        state.vectorize(state.loop(-1))
    gates.parallel("b")


def inlined(s):
    """Compute the gates where they are read, so that the step stores the product only."""
    s["gates"].compute_inline()
    s["from_state"].reorder("b", "l", "g", "x")
    for stage in s.stages_called("from_state", "next_*"):
        stage.vectorize(stage.loop(-1), LANES)
    s["next_h"].parallel("b")


def check(cells, s):
    arrays = {p: filled(*map(int, p.shape)) / 4 for p in s.declared.buffers[:3]}
    by_name = {p.name: array for p, array in arrays.items()}
    wanted = numpy_lstm(*(by_name[name] for name in ("data", "Wx", "Wh")))
    check_readings(s, list(cells), arrays, expected=wanted)


def test_by_hand(golden):
    cells = lstm(5, 2, 3, 8)
    s = te.create_schedule(cells[0].op)
    before = str(s)
    tiled(s)
    golden(story(before, s), "lstm")
    check(cells, s)


@pytest.mark.parametrize("schedule", [tiled, inlined])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 3, 5, 7), (4, 2, 6, 16)])
def test_other_sizes(schedule, sizes):
    cells = lstm(*sizes)
    check(cells, te.create_schedule(cells[0].op).apply(schedule))
