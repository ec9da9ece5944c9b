"""Numbers as text over the sizes of a program."""

from __future__ import annotations

import re

import pytest

from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule.sizes import size_of


def program():
    A = te.placeholder((te.size_var("n"), te.size_var("m")), name="A")
    return te.create_schedule(te.compute(A.shape, lambda i, j: A[i, j], name="B").op).program


@pytest.mark.parametrize(
    "text", ["7", "n", "n - 4", "n//4*4", "m + n*2", "n%8 + 1", "min(n, m)", "max(n - m, 0)"]
)
def test_what_an_expression_prints_is_read_again(text):
    found = size_of("here", text, program())
    assert str(found) == text
    assert str(size_of("here", str(found), program())) == text


def test_signs():
    assert str(size_of("here", "-3", program())) == "-3"
    assert str(size_of("here", " n + -1 ", program())) == "n - 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k", "here: no size 'k'; the sizes of the program are n, m"),
        ("nn", "here: no size 'nn'; did you mean 'n'?"),
        ("n +", "here: 'n +' is no number; write it with integers, sizes, + - * // % and min or"),
        ("n/2", "here: 'n/2' is no number"),
        ("1.5", "here: '1.5' is no number"),
        ("True", "here: 'True' is no number"),
        ("f(n)", "here: 'f(n)' is no number"),
        ("min(n)", "here: 'min(n)' is no number"),
        ("n.real", "here: 'n.real' is no number"),
        ("__import__('os')", "here: \"__import__('os')\" is no number"),
        ("\0", "here: '\\x00' is no number"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(ScheduleError, match=re.escape(message)):
        size_of("here", text, program())
