import time

import pytest

from texpr.errors import TexprError
from texpr.target.timing import Timing, format_ns, measure


def test_median_and_spread():
    timing = Timing((5.0, 1.0, 2.0, 100.0, 3.0), 10)
    assert timing.median_ns == 3.0
    assert timing.best_ns == 1.0
    assert timing.spread_ns == 3.0
    assert str(timing) == "3 ns, spread 3 ns (5 samples of 10 calls)"
    assert str(Timing((1500.0,), 1)) == "1.5 us, spread 0 ns (1 sample)"


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(0, "0 ns"), (0.25, "0.25 ns"), (999, "999 ns"), (999.4, "999 ns"), (999.6, "1 us"),
     (1e3, "1 us"), (12345, "12.3 us"), (999_600, "1 ms"), (1.5e9, "1.5 s"), (9e10, "90 s")],
)  # fmt: skip
def test_units(time_ns, text):
    assert format_ns(time_ns) == text


def test_short_calls_are_repeated():
    calls = []
    timing = measure(lambda: calls.append(1), repeat=4, min_time_ms=0.5)
    assert len(timing.samples_ns) == 4
    assert len(calls) > 4 * timing.calls_per_sample > 100


def test_long_calls_are_not():
    timing = measure(lambda: time.sleep(0.002), repeat=2, min_time_ms=0.5)
    assert timing.calls_per_sample == 1
    assert timing.best_ns > 1e6


def test_arguments_are_checked():
    with pytest.raises(TexprError, match="time: repeat = 0 must be at least 1; pass a larger one"):
        measure(lambda: None, repeat=0)
    with pytest.raises(TexprError, match="time: min_time_ms = -1 is negative; pass 0 or more"):
        measure(lambda: None, min_time_ms=-1)
