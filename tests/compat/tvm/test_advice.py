"""A name that is missing says so and what to use, however it is asked for."""

from __future__ import annotations

import importlib
import re

import pytest

import texpr
from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.compat.tvm.advice import ADVICE, answer

FORM = re.compile(r"tvm\.[\w.]+: .+; .+", re.DOTALL)


def schedule():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] * 2, name="B")
    return te.create_schedule(B.op), A, B


def owners():
    """Objects by the name below tvm under which advice speaks of them."""
    s, A, B = schedule()
    return {
        "te.Schedule": s,
        "te.Stage": s[B],
        "runtime.Module": tvm.build(s, [A, B]),
        "runtime.Device": tvm.cpu(),
        "nd.NDArray": tvm.nd.empty((2,)),
        "target.Target": tvm.target.Target("llvm"),
        "IRModule": tvm.lower(s, [A, B]),
    }


MODULES = [
    "", "contrib", "contrib.cc", "contrib.utils", "driver", "error", "ir", "nd", "runtime",
    "target", "te", "testing", "tir", "topi", "topi.nn", "topi.utils", "transform", "testing.utils",
]  # fmt: skip


def module(name):
    return importlib.import_module(f"texpr.compat.tvm.{name}".rstrip("."))


@pytest.mark.parametrize("path", sorted(ADVICE))
def test_every_advice_is_given_where_its_name_is_missing(path):
    owner, _, name = path.rpartition(".")
    asked = owners().get(owner) or module(owner)
    if hasattr(asked, name):
        return  # texpr has it by now, and the advice is silent
    with pytest.raises(
        tvm.UnsupportedError, match=re.escape(f"tvm.{path}: texpr does not have it")
    ):
        getattr(asked, name)
    assert FORM.fullmatch(answer(path))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_answers_for_what_nobody_knows(name):
    path = f"{name}.no_such_thing".lstrip(".")
    with pytest.raises(AttributeError, match=f"tvm.{path}: neither texpr nor its list"):
        module(name).no_such_thing  # noqa: B018 - asked for, and refused
    with pytest.raises(ImportError, match=f"tvm.{path}: neither texpr nor its list"):
        importlib.import_module(f"texpr.compat.tvm.{path}")
    with pytest.raises(ImportError, match=f"tvm.{path}: neither texpr nor its list"):
        exec(f"from texpr.compat.tvm.{name} import no_such_thing".replace(". import", " import"))


@pytest.mark.parametrize("owner", sorted(owners()))
def test_every_object_answers_for_what_nobody_knows(owner):
    with pytest.raises(AttributeError, match=f"tvm.{owner}.no_such_thing: neither texpr nor"):
        owners()[owner].no_such_thing  # noqa: B018
    assert not hasattr(owners()[owner], "__no_such_thing__")


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("from texpr.compat.tvm import relay", "declare each operator with te.compute"),
        ("import texpr.compat.tvm.auto_scheduler", "time the kernels"),
        ("from texpr.compat.tvm.contrib import tedd", "print(s) shows the loops"),
        ("from texpr.compat.tvm.te import hybrid", "@texpr.kernel"),
        ("from texpr.compat.tvm.tir import ir_builder", "@texpr.kernel"),
        ("from texpr.compat.tvm.te import frobnicate", "lists what there is"),
        ("from texpr.compat.tvm.te import placehoder", "did you mean 'placeholder'?"),
    ],
)
def test_an_import_gives_the_advice(statement, advice):
    with pytest.raises(tvm.UnsupportedImportError, match=re.escape(advice)):
        exec(statement)


def test_python_is_not_misled():
    """What asks whether there is a name gets an answer, and no exception."""
    assert not hasattr(tvm, "relay")
    assert getattr(tvm.te, "hybrid", None) is None
    assert importlib.util.find_spec("texpr.compat.tvm.te") is not None
    assert importlib.util.find_spec("texpr.compat.tvm.__main__") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'texpr\.nothing'"):
        importlib.import_module("texpr.nothing")


def test_errors_are_those_of_texpr():
    assert issubclass(tvm.UnsupportedError, texpr.TexprError)
    assert issubclass(tvm.UnsupportedImportError, texpr.TexprError)
    assert tvm.TVMError is texpr.TexprError is tvm.error.TVMError
    s, _, B = schedule()
    with pytest.raises(tvm.TVMError, match="factor 0 of loop 'i'"):
        s[B].split(B.op.axis[0], factor=0)
