# ruff: noqa: E501 - a row of a table is a line
"""Everything that is not of the language is refused, with the line, a caret and words."""

from __future__ import annotations

import linecache
import pickle
import textwrap

import numpy as np
import pytest

from tests.kernel.written import executed
from texpr import te
from texpr.errors import BoundsError, DTypeError, KernelError, ShapeError, TexprError
from texpr.kernel import f64, kernel, require, size

HEAD = "A: f64[N], B: f64[N, M], C: i32[N], alpha: f32, n: size"


def refusal(marked: str, **names: object) -> tuple[TexprError, str]:
    """Return the error of a source, and the part of it that the carets mark."""
    source = textwrap.dedent(marked)
    with pytest.raises(TexprError) as caught:
        executed(source, **names)
    *_, where, line, carets = str(caught.value).splitlines()
    number = int(where.rpartition(":")[2])
    shown = source.splitlines()[number - 1].strip()
    assert line.strip() == shown
    first = carets.index("^")
    return caught.value, line[first : len(carets)]


def body_refusal(body: str, **names: object) -> tuple[TexprError, str]:
    indented = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return refusal(f"@texpr.kernel\ndef f({HEAD}):\n{indented}\n", **names)


STATEMENTS = [
    ("while A[0] > 0:\n    A[0] = 0", "while A[0] > 0", "nothing says how often a while loop runs; write for"),
    ("for i in range(N):\n    break", "break", "break ends a loop that has a fixed number"),
    ("for i in range(N):\n    continue", "continue", "put the rest of the body under an if"),
    ("return", "return", "a kernel returns nothing"),
    ("return A", "return A", "write results into arguments"),
    ("assert N > 0", "assert N > 0", "write texpr.require(condition) at its start"),
    ("raise ValueError", "raise ValueError", "a kernel raises nothing"),
    ("try:\n    pass\nexcept ValueError:\n    pass", "try:", "leave the try out"),
    ("with open('x') as f:\n    pass", "with open('x')", "with has no meaning"),
    ("def g():\n    pass", "def g():", "write its body where it is called"),
    ("class G:\n    pass", "class G:", "define it outside"),
    ("import math", "import math", "import at the top"),
    ("from math import exp", "from math import exp", "import at the top"),
    ("global x", "global x", "pass an array and write into it"),
    ("del A", "del A", "leave it out"),
    ("s: float = 0.0", "s: float = 0.0", "write it as a cast, s = texpr.f64(0.0)"),
    ("match n:\n    case 1:\n        pass", "match n", "match is not part of the language"),
    ("print(A[0])", "print(A[0])", "print has no meaning in a kernel; write into an array"),
    ("math.exp(A[0])", "math.exp(A[0])", "the value of math.exp(…) is not used"),
    ("A[0]", "A[0]", "the value of this expression is not used"),
    ("yield A[0]", "yield A[0]", "a kernel is no generator"),
    ("for x in A:\n    pass", "A", "a loop runs over a range, not over A"),
    ("for i, x in enumerate(A):\n    pass", "i, x", "a loop has one variable"),
    ("for i in enumerate(A):\n    pass", "enumerate(A)", "over a range, not over enumerate(A)"),
    ("for i in range(N):\n    pass\nelse:\n    A[0] = 1", "A[0] = 1", "write it after the loop"),
    ("for i in range():\n    pass", "range()", "range takes 1 to 3 numbers"),
    ("for i in range(stop=N):\n    pass", "range(stop=N)", "range takes 1 to 3 numbers"),
    ("for i in range(0, N, 0):\n    A[i] = 0", "0", "the step of a loop is not 0"),
    ("for i in range(0, N, n):\n    A[i] = 0", "n", "the step of a loop is a number"),
    ("for A in range(N):\n    pass", "A", "A is an argument of the kernel"),
    ("a, b = 1.0", "1.0", "one value cannot be unpacked"),
    ("a, b = 1.0, 2.0, 3.0", "a, b = 1.0, 2.0, 3.0", "2 targets get 3 values"),
    ("a, *b = 1.0, 2.0", "*b", "* collects an object"),
    ("a, (b, c) = 1.0, (2.0, 3.0)", "(b, c)", "a tuple stands inside a tuple"),
    ("a, b = c = 1.0, 2.0", "c", "a tuple and another target share a value"),
    ("p, q = A.shape", "p, q = A.shape", "A has 1 dimensions, and 2 targets"),
    ("A.x = 1.0", "A.x", "A.x cannot be assigned to"),
    ("A @= A", "A @= A", "write the loops"),
    ("n = 3", "n", "n is an argument of the kernel; assign to elements"),
    ("n += 1", "n", "n is an argument of the kernel"),
    ("A = B", "A", "A is an argument of the kernel"),
    ("if n > 2:\n    texpr.require(n < 9)", "texpr.require(n < 9)", "holds for the whole kernel"),
    ("texpr.require()", "texpr.require()", "require takes conditions"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "marked", "text"), STATEMENTS)
def test_statements(body, marked, text):
    error, caret = body_refusal(body)
    assert isinstance(error, KernelError)
    assert str(error).startswith("f: ")
    assert text in str(error)
    assert caret == marked


EXPRESSIONS = [
    ("[x for x in range(3)]", None, "a comprehension makes a list; write the loop"),
    ("sum(A[i] for i in range(3))", None, "sum runs over an object; write the loop"),
    ("{x for x in range(3)}", None, "makes a set"),
    ("lambda: 1", None, "a lambda is an object"),
    ("(x := 1.0)", "x := 1.0", "assigns nothing"),
    ("f'{n}'", None, "leave the string out"),
    ("'text'", None, "'text' is no number"),
    ("None", None, "None is no number"),
    ("1j", None, "1j is no number"),
    ("[1, 2]", None, "use texpr.empty"),
    ("{1: 2}", None, "use texpr.empty"),
    ("(1, 2)", None, "a tuple stands where one value is wanted"),
    ("A[1:3]", "1:3", "a slice stands where one element is wanted"),
    ("A[None]", "None", "None makes a view of an array"),
    ("A[...]", "...", "makes a view of an array"),
    ("A", None, "the whole array A stands where one element is wanted; index it, A[i]"),
    ("A + 1", "A", "the whole array A"),
    ("A @ A", None, "@ multiplies whole arrays"),
    ("A.sum()", "A.sum", "A.sum works on a whole array"),
    ("A.T", None, "A.T works on a whole array"),
    ("A.shape", None, "a shape is a tuple; take an extent of it, A.shape[0]"),
    ("A.shape[n]", "n", "which extent of a shape is meant must be a number"),
    ("A.shape[2]", None, "A has 1 dimensions, and no shape[2]"),
    ("alpha.real", None, ".real is an attribute of an object"),
    ("alpha[0]", "alpha", "alpha is a number (float32) and has no elements"),
    ("n is None", "None", "None is no number"),
    ("n is n", None, "is compares objects"),
    ("n in n", None, "in compares objects"),
    ("n not in n", None, "not in compares objects"),
    ("n and alpha", "n", "and chooses one of its operands, and n is int64; compare it, x != 0"),
    ("f(A)", None, "f calls itself; write a loop"),
    ("nothing", None, "nothing is not defined"),
    ("alpah", None, "alpah is not defined; did you mean 'alpha'?"),
    ("nothing(n)", "nothing", "nothing is not defined"),
    ("math.expp(n)", "math.expp", "math has no expp"),
    ("np.linalg.det(n)", None, "np.linalg.det is not a function that kernels know"),
    ("range(3)", None, "range makes an object"),
    ("print(3)", None, "print has no meaning"),
    ("print", None, "print is a function or class"),
    ("math", None, "math is a module"),
    ("str(n)", None, "str makes an object"),
    ("helper(n)", None, "helper is not a function that kernels know; write its body here"),
    ("WEIGHTS[0]", "WEIGHTS", "WEIGHTS is an array outside the kernel; pass it as an argument"),
    ("TABLE[0]", "TABLE", "TABLE is an object of type list"),
    ("n()", "n", "n is no function"),
    ("texpr.empty(3) + 1", "texpr.empty(3)", "texpr.empty stands inside an expression"),
    ("max(n)", None, "max: 1 arguments were given; it takes at least 2"),
    ("max(n, key=n)", "n", "max takes its arguments by position"),
    ("math.log(alpha, 2.0)", None, "log: 2 arguments were given; it takes 1"),
    ("len(alpha)", None, "len is that of an array"),
    ("alpha.astype()", None, "astype takes a type"),
    ("alpha.astype(n)", "n", "n is no type"),
    ("alpha.astype('flaot32')", "'flaot32'", "did you mean 'float32'?"),
    ("1 // 0", None, "constant: 1 and 0 in 1//1"),
    ("2 ** 3000", None, "the result is too large"),
    ("A[alpha]", "alpha", "A: subscript 0: alpha is float32, not an integer"),
    ("A[0.5]", "0.5", "A: subscript 0: 0.5 is float64, not an integer"),
    ("A[True]", "True", "not an integer"),
    ("A[-1]", "-1", "the subscript -1 is negative, and subscripts do not count from the end; write"),
    ("B[0]", None, "B[0]: 1 subscripts for 2 dimensions; give one for each, B[i, j]"),
    ("A[0, 0]", None, "2 subscripts for 1 dimensions; give one for each, A[i]"),
    ("A[0] & 1", None, "&: A[0] & 1"),
    ("~alpha", None, "~ alpha has operands of float32"),
    ("C[0] << 0.5", None, "has operands of float64"),
    ("te.clz(alpha)", None, "clz takes an integer"),
    ("WEIGHTS(1)", None, "WEIGHTS is not a function that kernels know"),
    ("KERNEL(A)", None, "KERNEL is a kernel, and a kernel calls no other; call one after the other"),
    ("TENSOR", None, "TENSOR is a tensor of te; pass an array as an argument"),
    ("TENSOR[0]", "TENSOR", "TENSOR is a tensor of te"),
    ("SYMBOL", None, "SYMBOL: SYMBOL[0] reads an array"),
    ("math.pi[0]", "math.pi", "math.pi is no array; subscripts stand on an argument"),
    ("helper.data[0]", "helper.data", "helper.data is no array"),
    ("(A)(0)", "A", "A is no function; index an array with [ ]"),
    ("(n + 1)(0)", "n + 1", "n + 1 is no function; call a function by its name"),
    ("int(1e400)", None, "int: inf is no integer"),
    ("C[1 << 70]", "1 << 70", "does not fit int64"),
    ("(-8) ** 0.5", None, "is a complex number, which no array holds"),
    ("~0.5", None, "~: 0.5 is a float; cast to an integer first"),
    ("'a' + 1", "'a'", "'a' is no number"),
    ("n.astype(texpr.f33)", "texpr.f33", "texpr.f33 is no type"),
    ("A[n:]", "n:", "a slice stands where one element is wanted"),
    ("1.0 if nothing else 2.0", "nothing", "nothing is not defined"),
    ("i", None, "the loop variable i has no value outside its loop"),
    ("late", None, "late is read before anything was assigned to it"),
    ("inner", None, "the local array inner is not known here"),
]  # fmt: skip

AFTER = """
for i in range(N):
    inner = texpr.empty(3)
    inner[0] = 1.0
A[0] = {}
late = 1.0
A[1] = late
"""


@pytest.mark.parametrize(("expression", "marked", "text"), EXPRESSIONS)
def test_expressions(expression, marked, text):
    outside = {
        "helper": lambda x: x,
        "WEIGHTS": np.ones(3),
        "TABLE": [1, 2],
        "KERNEL": executed("@kernel\ndef f(A: f64[N]):\n    pass\n")["f"],
        "TENSOR": te.placeholder((4,), "float64", name="TENSOR"),
        "SYMBOL": te.placeholder((4,), "float64", name="SYMBOL")[0],
    }
    body = AFTER if expression in ("i", "late", "inner") else "A[0] = {}"
    error, caret = body_refusal(body.format(expression), **outside)
    assert text in str(error)
    assert caret == (marked or expression)


def test_classes_are_those_of_the_mistake():
    assert isinstance(body_refusal("A[-1] = 0")[0], BoundsError)
    assert isinstance(body_refusal("B[0] = 0")[0], ShapeError)
    assert isinstance(body_refusal("A[0] &= 1.5")[0], DTypeError)
    assert isinstance(body_refusal("while True:\n    pass")[0], SyntaxError)


TYPES = [
    ("C[0] = 1.5", "1.5", "C[0] is int32 and 1.5 is float64; cast it, np.int32(x)"),
    ("C[0] /= 2", "C[0] /= 2", "C[0] is int32"),
    ("C[0] = alpha", "alpha", "alpha is float32"),
    ("C[0] = 1 << 40", "1 << 40", "does not fit int32"),
    ("C[0] += 3000000000", "C[0] += 3000000000", "does not fit int32"),
    ("s = A[0]\ns = alpha", "s", "s is float64 in line 3 and float32 in line 4, and a scalar has one type"),
    ("s = A[0]\ns = C[0] + s * alpha\ns = alpha", "s", "one type"),
    ("for i in range(0.5):\n    A[i] = 0", "0.5", "range: 0.5 is float64, not an integer"),
    ("for i in range(C[0]):\n    C[i] = 0", "C[0]", "this end of a loop reads C[0], which the kernel writes"),
    ("k = 0\nk += 1\nfor i in range(k):\n    C[i] = 0", "k", "this end of a loop reads k[()]"),
    ("if A[0] > 0:\n    for i in range(C[0]):\n        A[i] = 0", "C[0]",
     "under a condition that the kernel changes"),
    ("A[0], A[C[0]] = 1.0, 2.0\nA[C[0]], C[C[0]] = 1.0, 2\nC[0], A[C[0]] = 1, 2.0",
     "C[0], A[C[0]] = 1, 2.0", "a subscript reads C[0], which this assignment writes before"),
    ("for i in range(N):\n    for i in range(N):\n        A[i] = 0", "i",
     "the loop variable i belongs to a loop around this one; give this loop another variable"),
    ("for i in range(N):\n    i = 3", "i", "i is a loop variable elsewhere in this kernel; use two names"),
    ("t = texpr.empty(3)\nt = 1.0", "t", "t is a local array elsewhere"),
    ("t = texpr.empty(3)\nt = texpr.empty(3)", "t = texpr.empty(3)", "t is a local array already"),
    ("for t in range(3):\n    pass\nt = texpr.empty(3)", "t", "two names"),
    ("t = texpr.empty(-1)", "-1", "t: extent 0 of the shape is -1; an extent is at least 0"),
    ("t = texpr.empty((N, 0.5))", "(N, 0.5)", "not an integer"),
    ("for i in range(N):\n    t = texpr.empty(i)\n    t[0] = 1", "i", "changes while the kernel runs"),
    ("t = texpr.empty(3, 'flaot32')", "'flaot32'", "did you mean 'float32'?"),
    ("t = texpr.empty()", "texpr.empty()", "takes a shape and a dtype"),
    ("t = np.zeros(3)", "np.zeros(3)", "np.zeros makes an array of NumPy; write texpr.empty"),
    ("a = b = texpr.empty(3)", "a = b = texpr.empty(3)", "a local array has one name"),
    ("t = texpr.empty(3)\nt[3] = 0", "3", "the subscript 3 is outside dimension 0, which has extent 3"),
    ("texpr.require(A[0] > 0)", "A[0] > 0", "a requirement is on sizes and scalar arguments"),
    ("texpr.require(1 > 2)", "1 > 2", "never holds"),
    ("if UNSET:\n    s = 1.0\nA[0] = s", "s", "s is read before anything was assigned to it"),
    ("if math:\n    A[0] = 1.0", "math", "math is a module"),
    ("s = A[0]\nt = texpr.empty(nothing)\nt[0] = s", "nothing", "nothing is not defined"),
    ("t = texpr.empty(1 << 70)", "1 << 70", "does not fit int64"),
    ("for i in range(0, N, 1 << 70):\n    A[i] = 0", "1 << 70", "does not fit int64"),
    ("k = 1 << 70", "1 << 70", "does not fit int64"),
    ("s = A[0]\ns = alpha\ns = C[0]", "s", "s is float64 in line 3 and float32 in line 4"),
    ("s = s + 1", "s", "s is read before anything was assigned to it"),
    ("texpr.require(Q > 1)", "Q", "Q: Q follows from no argument; use it in the shape of an array"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "marked", "text"), TYPES)
def test_types_and_names(body, marked, text):
    error, caret = body_refusal(body, Q=size("Q"), UNSET=False)
    assert text in str(error)
    assert caret == marked


HEADS = [
    ("def f(A):", "A", "the argument A has no type; write A: texpr.f64[N, N]"),
    ("def f(A: float):", "float", "float is no type of the argument A; write texpr.f64"),
    ("def f(A: int):", "int", "write texpr.size, or texpr.i64"),
    ("def f(A: bool):", "bool", "write texpr.b1"),
    ("def f(A: np.float32):", "np.float32", "write texpr.f32"),
    ("def f(A: np.ndarray):", "np.ndarray", "ndarray is no type of the argument A"),
    ("def f(A: N):", "N", "write A: texpr.size"),
    ("def f(*A: f64[N]):", "A: f64[N]", "write them without * and **"),
    ("def f(A: f64[N], *, B: f64[N]):", "B: f64[N]", "write them without * and **"),
    ("def f(A: f64[N], n: size = 3):", "3", "an argument of a kernel has no default"),
    ("def f(A: f64[-1]):", "f64[-1]", "A: extent 0 of the shape is -1"),
    ("def f(A: f64[0.5]):", "f64[0.5]", "not an integer"),
    ("def f(A: f64[:]):", "f64[:]", "is no extent; write a number"),
    ("def f(A: f64['2 N']):", "f64['2 N']", "'2 N' is no extent; write a name such as \"N\""),
    ("def f(A: f64['f(N)']):", "f64['f(N)']", "is no extent"),
    ("def f(A: f64['W']):", "f64['W']", "'W' names a size, and outside the kernel W is 5"),
    ("def f(A: f64['A']):", None, ""),
    ("def f(A: f64[4], B: f64['A']):", "f64['A']", "A is an array; name a size"),
    ("def f(A: f64[SYMBOL]):", "f64[SYMBOL]", "reads an array; use sizes and scalar arguments"),
    ("def f(A: f64[AXIS]):", "f64[AXIS]", "k follows from no argument"),
    ("def f(A: 'f64[texpr.size(3)]'):", "'f64[texpr.size(3)]'", "the name 3 is no string"),
    ("def f(alpha: f32, A: f64['alpha']):", "f64['alpha']", "not an integer"),
    ("def f(A: 'f64[Z]'):", "'f64[Z]'", "name 'Z' is not defined; declare Z = texpr.size(\"Z\")"),
    ("def f(A: 'f64[N'):", "'f64[N'", "'f64[N' is no type"),
    ("async def f(A: f64[N]):", "async def f(A: f64[N]):", "a kernel is no coroutine"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "marked", "text"), [head for head in HEADS if head[1]])
def test_arguments(head, marked, text):
    symbol = te.placeholder((4,), "int64", name="SYMBOL")[0]
    axis = te.reduce_axis((0, 4), name="k").var
    error, caret = refusal(f"@texpr.kernel\n{head}\n    pass\n", W=5, SYMBOL=symbol, AXIS=axis)
    assert text in str(error)
    assert caret == marked


def test_a_size_that_is_a_string_has_its_name_in_the_body():
    error, caret = refusal("@kernel\ndef f(A: f64['Z']):\n    for Z in range(3):\n        pass\n")
    assert "Z is a size of the kernel" in str(error)
    assert caret == "Z"


def test_a_size_may_be_called_as_its_array():
    found = executed("@texpr.kernel\ndef f(A: f64['A']):\n    A[0] = 1\n")["f"]
    assert str(found.signature) == "f(A: float64[A_1] in place)"


def test_the_fields_are_those_of_a_syntax_error():
    error, _ = body_refusal("A[0] = 1\nwhile True:\n    pass")
    assert isinstance(error, KernelError)
    assert error.filename.endswith(".py")
    assert (error.lineno, error.offset, error.end_offset) == (4, 5, 15)
    assert error.text == "    while True:"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_columns_count_characters_and_keep_tabs():
    error, caret = refusal("@texpr.kernel\ndef f(A: f64[N]):\n\tA[0] = 1.0 if 'å' else\t(1, 2)\n")
    assert caret == "'å'"
    assert "\n    \t" not in str(error)
    _, caret = refusal("@texpr.kernel\ndef f(A: f64[N]):\n\tA[0] = 1.0 +\t(1, 2)  # ü\n")
    assert caret == "(1, 2)"


def test_the_whole_text():
    error, _ = body_refusal("for i in range(N):\n    A[i] = A[-1]")
    file = str(error).splitlines()[1].strip().rpartition(":")[0]
    assert str(error) == (
        "A: the subscript -1 is negative, and subscripts do not count from the end; "
        "write A.shape[0] - 1\n"
        f"  {file}:4\n"
        "    A[i] = A[-1]\n"
        "             ^^"
    )


# ---------------------------------------------------------------- source that is not there


def test_no_source():
    names = {"kernel": kernel, "f64": f64}
    with pytest.raises(KernelError, match="its source cannot be read from '<nowhere>'; a kernel"):
        exec(compile("@kernel\ndef f(A: f64[3]):\n    pass\n", "<nowhere>", "exec"), names)


def test_other_source():
    text = "\n@kernel\ndef f(A: f64[3]):\n    pass\n"
    file = "/written/changed.py"
    changed = "\n@kernel\ndef f(B: f64[3]):\n    pass\n"
    linecache.cache[file] = (len(changed), None, changed.splitlines(keepends=True), file)
    with pytest.raises(KernelError, match="was the file changed after it was imported"):
        exec(compile(text, file, "exec"), {"kernel": kernel, "f64": f64})


@pytest.mark.parametrize("thing", [3, "f", np.exp, f64, kernel.__class__])
def test_no_function(thing):
    with pytest.raises(DTypeError, match=r"is no Python function; write @texpr.kernel right"):
        kernel(thing)


def test_a_lambda():
    with pytest.raises(KernelError, match="a lambda has no loops; write a def"):
        kernel(lambda A: None)


def test_recursion_of_a_local_kernel():
    source = "def make():\n    @kernel\n    def f(A: f64[3]):\n        A[0] = f(A)\nmake()\n"
    error, caret = refusal(source)
    assert "f: f calls itself; write a loop" in str(error)
    assert caret == "f(A)"


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize(("name", "kind", "text"), [
    (3, DTypeError, "size: the name 3 is no string"),
    ("2n", TexprError, "size: '2n' cannot be a name"),
    ("for", TexprError, "size: 'for' cannot be a name"),
])  # fmt: skip
def test_names_of_sizes(name, kind, text):
    with pytest.raises(kind, match=text):
        size(name)


def test_requirements_that_are_none():
    with pytest.raises(DTypeError, match="require: no condition was given"):
        require()
    with pytest.raises(ShapeError, match="require: condition 0 does not hold"):
        require(False)
    with pytest.raises(DTypeError, match="require: 'N > 3' is no condition"):
        require("N > 3")
    with pytest.raises(DTypeError, match="the condition N is int64"):
        require(size("N"))
    with pytest.raises(
        DTypeError, match=r"require: 3 is no kernel; write @texpr.require\(…\) above"
    ):
        require(size("N") > 3)(3)
    with pytest.raises(KernelError, match=r"require: Q follows from no argument"):
        executed("@kernel\n@require(Q > 3)\ndef f(A: f64[N]):\n    pass\n", Q=size("Q"))
    with pytest.raises(TexprError, match=r"require: Q follows from no argument"):
        executed("@require(Q > 3)\n@kernel\ndef f(A: f64[N]):\n    pass\n", Q=size("Q"))
