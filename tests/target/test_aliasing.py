import itertools

import numpy as np
import pytest

from texpr.errors import TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT16
from texpr.target import aliasing
from texpr.target.aliasing import check_aliasing
from texpr.target.signature import Parameter


def parameter(name, is_output):
    source = Buffer(name, (), INT16)
    return Parameter(name, INT16, "array", (), source, is_output, is_output)


def is_accepted(output, *others):
    arrays = [(parameter("C", True), output)]
    arrays += [(parameter(f"A{at}", False), each) for at, each in enumerate(others)]
    try:
        check_aliasing("f", arrays)
    except TexprError:
        return False
    return True


def places(view):
    """The address of every byte of ``view``, one by one."""
    start = view.__array_interface__["data"][0]
    found = []
    for index in itertools.product(*map(range, view.shape)):
        at = start + sum(i * step for i, step in zip(index, view.strides, strict=True))
        found.extend(range(at, at + view.itemsize))
    return found


def views(rng, count):
    base = np.zeros(400, "i2")
    for _ in range(count):
        ndim = rng.integers(0, 4)
        shape = tuple(int(e) for e in rng.integers(0, 4, ndim))
        strides = tuple(int(s) for s in rng.integers(-9, 10, ndim))
        start = int(rng.integers(180, 200))
        yield np.lib.stride_tricks.as_strided(base[start:], shape, strides)


def test_random_views_against_their_bytes():
    rng = np.random.default_rng(7)
    answers = set()
    for a, b in zip(views(rng, 400), views(rng, 400), strict=True):
        own, other = places(a), places(b)
        expected = len(set(own)) == len(own) and not set(own) & set(other)
        assert is_accepted(a, b) == expected
        answers.add(expected)
    assert answers == {True, False}


def test_inputs_may_overlap():
    x = np.zeros(4, "i2")
    assert is_accepted(np.zeros(4, "i2"), x, x, x[::-1], np.broadcast_to(x, (3, 4)))


@pytest.mark.parametrize(("limit", "expected"), [(100, True), (3, False)])
def test_what_cannot_be_found_out_is_refused(monkeypatch, limit, expected):
    woven = np.lib.stride_tricks.as_strided(np.zeros(20, "i2"), (3, 2), (4, 6))
    monkeypatch.setattr(aliasing, "_MAX_ELEMENTS", limit)
    assert is_accepted(woven) == expected


def test_a_hard_problem_is_refused(monkeypatch):
    base = np.zeros(10**6, "i2")
    shape, strides = (9, 9, 9, 9, 9), (2 * 3001, 2 * 3119, 2 * 3371, 2 * 3821, 2 * 4001)
    a = np.lib.stride_tricks.as_strided(base, shape, strides)
    b = np.lib.stride_tricks.as_strided(base[1:], shape, strides)
    monkeypatch.setattr(aliasing, "_MAX_WORK", 1)
    assert not is_accepted(a, b)
