"""A primitive is a module, a method of Stage, and a test; none of them comes without the others."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from texpr.schedule import Stage
from texpr.schedule.primitives import PRIMITIVES

TESTS = Path(__file__).parent / "primitives"
GOLDENS = Path(__file__).parents[1] / "goldens"

NO_PRIMITIVES = {"leaf_iter_vars", "loops", "is_inlined", "is_of", "why_not"}
SELECTORS = {
    "loop", "reduce_loops", "data_loops", "shared_loops", "loops_marked", "loops_along",
    "producers", "consumers",
}  # fmt: skip


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


def test_every_method_has_a_module_and_every_module_a_method():
    assert public(Stage) - NO_PRIMITIVES - SELECTORS == set(PRIMITIVES)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_module(name):
    module = PRIMITIVES[name]
    assert module.__doc__
    apply, sample = inspect.signature(module.apply), inspect.signature(module.sample)
    assert list(apply.parameters)[:2] == ["state", "stage"]
    assert list(sample.parameters) == ["state", "stage", "random"]


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_method(name):
    """Its arguments are those of the module, with the same names, in the same order."""
    method = getattr(Stage, name)
    assert list(inspect.signature(method).parameters)[1:] == [
        parameter
        for parameter in inspect.signature(PRIMITIVES[name].apply).parameters
        if parameter not in ("state", "stage")
    ] or name in ("fuse", "reorder")
    text = inspect.getdoc(method)
    assert "Same as" in text or "as :meth:" in text, "it says what others call it"
    assert inspect.signature(method).return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_tests(name):
    """Each has a test, with a loop nest before and after that is run as well."""
    path = TESTS / f"test_{name}.py"
    assert path.exists(), f"tests/schedule/primitives/test_{name}.py is missing"
    text = path.read_text(encoding="utf-8")
    assert f'"primitive_{name}")' in text
    assert "check_readings(" in text or "check_kernel(" in text
    assert (GOLDENS / f"primitive_{name}.txt").exists()


def test_no_test_without_a_primitive():
    tested = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert tested == set(PRIMITIVES)
