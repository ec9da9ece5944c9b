"""Tables of answers with a bound."""

from __future__ import annotations

from texpr.polyhedral.kept import Kept


def test_the_oldest_answer_is_forgotten():
    table: Kept[int] = Kept(3)
    for k in range(5):
        table[k,] = k
        assert len(table) <= 3
    assert dict(table) == {(2,): 2, (3,): 3, (4,): 4}
    table[3,] = 33  # an answer that changes takes no room
    assert dict(table) == {(2,): 2, (3,): 33, (4,): 4}


def test_setdefault_keeps_within_the_bound_and_returns_what_is_kept():
    table: Kept[int] = Kept(2)
    assert [table.setdefault((k,), k) for k in (1, 2, 1, 3)] == [1, 2, 1, 3]
    assert table.setdefault((3,), 7) == 3
    assert len(table) == 2


def test_room_is_made_and_never_taken_away():
    table: Kept[int] = Kept(2)
    table.make_room(4)
    table.make_room(1)
    for k in range(6):
        table[k,] = k
    assert [*table] == [(2,), (3,), (4,), (5,)]
