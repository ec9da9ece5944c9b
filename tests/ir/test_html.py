"""What notebooks show: whole HTML, escaped, self-contained, and saying what ``print`` says."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

import texpr
from tests.te_programs import Case, schedule_at_random, te_programs
from texpr import te
from texpr.ir.html import Html, card, code, count, escaped, facts, folded, listed, loops
from texpr.ir.program import Location

N = texpr.size("N")


@texpr.kernel
def below(A: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            if i < j:
                A[i, j] = 0.0


def sort(a, out):
    out[:] = np.sort(a)


def shown():
    A = te.placeholder((8, 8), name="A")
    k = te.reduce_axis((0, 8), name="k")
    B = te.compute((8, 8), lambda i, j: te.if_then_else(i < j, A[i, j], 0.0), name="B")
    C = te.compute((8,), lambda i: te.sum(B[i, k], axis=k, where=k > 1), name="C")
    s = te.create_schedule(C.op)
    s[C].parallel(C.op.axis[0])
    s[B].vectorize(s[B].split(B.op.axis[1], 4)[1])
    s[B].unroll(B.op.axis[0])
    foreign = texpr.build(s, target="llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72")
    data = te.compute((8,), lambda i: A[te.min(i, 7), i], name="D")
    looped = texpr.create_schedule(below)
    outside = te.extern((8,), [data], te.packed(sort), name="E")
    X, S = (te.placeholder((5, 8), name=name) for name in "XS")
    first = te.compute((1, 8), lambda t, i: X[t, i], name="first")
    step = te.compute((5, 8), lambda t, i: S[t - 1, i] + X[t, i], name="step")
    scanned = te.scan(first, step, S, name="Y")
    return {
        "input": A,
        "tensor": C,
        "operation": C.op,
        "several": te.compute((8,), lambda i: (A[i, 0], A[i, 1]), name="S")[0].op,
        "input operation": A.op,
        "rank 0": te.placeholder((), name="Z"),
        "schedule": s,
        "untouched schedule": te.create_schedule(data.op),
        "inlined": te.create_schedule(C.op).apply(lambda s: s[B].compute_inline()),
        "schedule of loops": looped,
        "program": texpr.lower(s),
        "statement": s.program.body,
        "kernel": texpr.build(s, name="rows"),
        "foreign kernel": foreign,
        "trace": s.trace,
        "verdict": s[C].why_not("parallel", k),
        "impossible": s[C].why_not("split", k, factor=0),
        "loop kernel": below,
        "function from outside": outside,
        "scan": scanned.op,
    }


@pytest.fixture(scope="module")
def things():
    return shown()


NAMES = (
    "input", "tensor", "operation", "several", "input operation", "rank 0", "schedule",
    "untouched schedule", "inlined", "schedule of loops", "program", "statement", "kernel",
    "foreign kernel", "trace", "verdict", "impossible", "loop kernel",
    "function from outside", "scan",
)  # fmt: skip


class Reader(HTMLParser):
    """Checks that every element is closed in its turn, and collects text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []
        self.pre: list[str] = []
        self.classes: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)
        if tag == "pre":
            self.pre.append("")
        for name, value in attrs:
            assert name == "class"
            self.classes.update(value.split())

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)
        if "pre" in self.open:
            self.pre[-1] += data


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_whole_and_self_contained(things, name):
    text = things[name]._repr_html_()
    reader = Reader(text)
    assert reader.text
    assert "texpr" in reader.classes
    for outside in ("http", "url(", "src=", "@import", "<script", "<link", " id="):
        assert outside not in text
    rules = text.split("<style>")[1].split("</style>")[0]
    unused = reader.classes - {"texpr"} - {w for w in reader.classes if f".{w} " in rules}
    assert unused <= {"tx-expr", "tx-name", "tx-serial"}


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_show_them(things, name):
    data, _ = DisplayFormatter().format(things[name])
    assert data["text/html"] == things[name]._repr_html_()
    assert data["text/plain"]


def test_names_is_complete(things):
    assert tuple(things) == NAMES


def words(thing):
    return " ".join(" ".join(Reader(thing._repr_html_()).text).split())


def test_what_they_say(things):
    assert "C[i] = sum(B[i, k], axis=k, where=k > 1)" in words(things["tensor"])
    assert "reduced over k in [0, 8)" in words(things["tensor"])
    assert "declared at test_html.py:" in words(things["operation"])
    assert "an input" in words(things["input"])
    assert "S_v0[i] = A[i, 0]\nS_v1[i] = A[i, 1]" in Reader(things["several"]._repr_html_()).pre
    assert "E[...] = extern sort(D, E)" in words(things["function from outside"])
    (steps,) = Reader(things["scan"]._repr_html_()).pre
    assert steps == "first[t, i] = X[t, i]\nstep[t, i] = S[t - 1, i] + X[t, i]"
    assert "4 primitives applied" in words(things["schedule"])
    assert "applied" not in words(things["untouched schedule"])
    assert "inlined B" in words(things["inlined"])
    kernel = words(things["kernel"])
    assert f"target {texpr.Target.host()}" in kernel
    assert f"code {things['kernel']._code.size_bytes:,} bytes" in kernel
    assert "bytes" not in words(things["foreign kernel"])
    assert str(things["trace"]) in Reader(things["kernel"]._repr_html_()).pre
    verdict = words(things["verdict"])
    assert "s[C].parallel(k) would change the result" in verdict
    assert "then (i=0, k=1)" not in verdict  # where k > 1 only
    assert "legal here" in verdict
    assert "factor 0 of loop" in words(things["impossible"])
    assert "compiled at its first call" in words(things["loop kernel"])


def test_a_compiled_loop_kernel_says_for_what():
    @texpr.kernel
    def own(A: texpr.f64[N]):
        for i in range(N):
            A[i] = 1.0

    own.compiled  # noqa: B018 - compiles it
    assert f"compiled for {texpr.Target.host()}" in words(own)


def test_kinds_of_loops_are_marked(things):
    text = things["schedule"]._repr_html_()
    for kind in ("parallel", "vectorized", "unrolled"):
        assert f'<span class="tx-{kind}">{kind}</span>(' in text
    assert '<span class="tx-keyword">for</span>' in text


@given(te_programs(), st.integers(0, 1 << 30), st.integers(0, 6))
@settings(max_examples=30)
def test_a_loop_nest_reads_as_it_prints(case: Case, seed: int, count: int) -> None:
    s = case.schedule()
    schedule_at_random(s, seed, count)
    assert Reader(loops(s.program)).pre == [str(s)]
    assert Reader(s.program._repr_html_()).pre == [str(s.program)]
    assert Reader(s.program.body._repr_html_()).pre == [str(s.program.body)]


def test_a_long_head_is_broken_as_it_prints():
    tensors = [te.placeholder((128, 128), name=f"a_long_name_{k}") for k in range(4)]
    total = te.compute(
        (128, 128), lambda i, j: sum((t[i, j] for t in tensors), te.const(0.0, "float32"))
    )
    program = te.create_schedule(total.op).program
    assert str(program).count("\n") > 8
    assert Reader(loops(program)).pre == [str(program)]


def test_everything_is_escaped():
    evil = "<script>alert('&')</script>"
    text = card(
        evil, evil, facts({evil: evil}), code(evil), folded(evil, code(evil)), Html(listed([evil]))
    )
    reader = Reader(text)
    assert "script" not in reader.open
    assert "<script" not in text
    assert "".join(reader.text).count(evil) == 8


def test_a_place_without_a_file_is_escaped():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    B.op.location = Location("<stdin>", 1)
    assert "&lt;stdin&gt;:1" in B._repr_html_()
    assert "declared at <stdin>:1" in words(B)


def test_pieces():
    assert escaped("<") == "&lt;"
    assert escaped(Html("<i>")) == "<i>"
    assert facts({"none": None, "empty": ""}) == ""
    assert facts({"zero": 0}) == '<table class="tx-facts"><tr><th>zero</th><td>0</td></tr></table>'
    assert (count(1, "step"), count(0, "step")) == ("1 step", "0 steps")
