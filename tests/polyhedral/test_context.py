"""One isl context per analysis: names, the budget, isl's errors."""

from __future__ import annotations

import islpy as isl
import pytest

from texpr.errors import InternalError
from texpr.ir.expr import Var
from texpr.polyhedral.context import Analysis, Unknown, int_of


def test_every_variable_has_a_name_of_its_own():
    analysis = Analysis()
    variables = [Var("i"), Var("i"), Var("i_1"), Var("mod"), Var("größe"), Var("2x")]
    names = [analysis.name_of(var) for var in variables]
    assert names == ["i", "i_1", "i_1_1", "mod_1", "v", "v_1"]
    assert [analysis.name_of(var) for var in variables] == names


@pytest.mark.parametrize("number", [0, -1, 2**62 - 1, 2**62, -(2**62), 2**64 + 3, -(2**130) + 7])
def test_numbers_of_any_size(number):
    assert int_of(Analysis().number(number)) == number


def hard(analysis: Analysis) -> isl.Set:
    near = "0 <= 5i < 3n and 0 <= j and 0 <= k and 2k <= j + n"
    strided = "(3j + 7k) mod 11 = i and (i + k) mod 5 = 2"
    return isl.Set(f"[n] -> {{[i, j, k]: {near} and {strided}}}", analysis.context)


def test_a_question_beyond_the_budget_has_no_answer():
    analysis = Analysis(max_operations=100)
    question = hard(analysis).lexmin
    answer = analysis.ask(question)
    assert answer == Unknown("isl gave up after 100 operations")
    assert str(answer) == "isl gave up after 100 operations"
    assert analysis.ask(question) == answer  # it is the same every time
    # The context is as good as new, and the budget is one per question.
    easy = isl.Set("{[i]: 0 <= i < 3}", analysis.context)
    for _ in range(20):
        assert analysis.ask(easy.is_empty) is False


def test_no_budget_is_no_limit():
    analysis = Analysis(max_operations=0)
    assert not isinstance(analysis.ask(hard(analysis).lexmin), Unknown)


def test_other_errors_of_isl_are_bugs_of_ours():
    analysis = Analysis()
    line, plane = (isl.Set(text, analysis.context) for text in ("{[i]}", "{[i, j]}"))
    with pytest.raises(InternalError, match="isl refused a question; this is a bug") as info:
        analysis.ask(lambda: line.intersect(plane))
    assert isinstance(info.value.__cause__, isl.Error)


def test_what_is_unbounded_has_no_smallest_example():
    analysis = Analysis()
    unbounded = isl.Set("{[i]: i < 5}", analysis.context)
    assert analysis.ask(unbounded.lexmin) == Unknown("there is no smallest example")
