"""Taking turns, with a clock that is set by hand."""

from __future__ import annotations

from texpr.bench.race import race


class Fake:
    """Calls that take a known time on a clock of their own, and are noted."""

    def __init__(self):
        self.now_s = 0.0
        self.turns = []

    def call(self, name, time_ns):
        def made(count):
            self.turns.append((name, count))
            self.now_s += count * time_ns / 1e9
            return count * time_ns

        return made

    def clock(self):
        return self.now_s


def test_rounds_go_on_until_the_time_is_used_up():
    fake = Fake()
    calls = {"a": fake.call("a", 1e6), "b": fake.call("b", 3e6)}
    timings = race(calls, budget_s=1.0, clock=fake.clock, max_rounds=1000)
    rounds = len(timings["a"].samples_ns)
    # In a round a: one untimed, three timed; b: one and one; 10 ms.
    assert rounds in (100, 101)
    assert len(timings["b"].samples_ns) == rounds
    assert (timings["a"].median_ns, timings["b"].median_ns) == (1e6, 3e6)
    assert (timings["a"].calls_per_sample, timings["b"].calls_per_sample) == (3, 1)


def test_each_has_its_turn_in_each_round():
    fake = Fake()
    calls = {"a": fake.call("a", 5e6), "b": fake.call("b", 5e6)}
    race(calls, budget_s=0.0, clock=fake.clock, min_rounds=3)
    assert fake.turns[-12:] == [("a", 1), ("a", 1), ("b", 1), ("b", 1)] * 3


def test_long_calls_are_not_warmed_again():
    fake = Fake()
    race({"a": fake.call("a", 1e9)}, budget_s=0.0, clock=fake.clock, min_rounds=4)
    assert len(fake.turns) == 1 + 1 + 4


def test_no_more_rounds_than_asked_for():
    fake = Fake()
    timings = race({"a": fake.call("a", 1.0)}, budget_s=1e9, clock=fake.clock, max_rounds=7)
    assert len(timings["a"].samples_ns) == 7
    assert timings["a"].calls_per_sample >= 2_000_000


def test_a_clock_too_coarse_to_see_a_call_ends_all_the_same():
    def call(count):
        return 0.0 if count < 1000 else 1e4 * count

    timing = race({"a": call}, budget_s=0.0)["a"]
    assert timing.calls_per_sample >= 1000


def test_nobody():
    assert race({}, budget_s=1.0) == {}
