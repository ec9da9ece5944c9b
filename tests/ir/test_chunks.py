"""The words for how a parallel loop is shared."""

from __future__ import annotations

import re

import pytest

from texpr.errors import ScheduleError
from texpr.ir.chunks import STATIC, Chunks


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("static", STATIC),
        (" static , 8 ", Chunks("static", 8)),
        ("dynamic", Chunks("dynamic", 1)),
        ("dynamic,4", Chunks("dynamic", 4)),
    ],
)
def test_words(text, chunks):
    assert Chunks.parse(text) == chunks
    assert Chunks.parse(str(chunks)) == chunks


@pytest.mark.parametrize("text", ["", "guided", "static 4", "dynamic, ", "dynamic, x", 4, None])
def test_other_words(text):
    message = f"parallel_schedule: {text!r} says not how to share the iterations; write 'static'"
    with pytest.raises(ScheduleError, match=re.escape(message)):
        Chunks.parse(text)


@pytest.mark.parametrize("size", [0, -1, (1 << 31) + 1])
def test_sizes_out_of_range(size):
    with pytest.raises(ScheduleError, match=rf"a chunk of {size} iterations .*; write a number"):
        Chunks.parse(f"dynamic, {size}")
