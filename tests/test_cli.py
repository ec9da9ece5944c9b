"""The command line: what it prints, as text and as JSON, in wide and narrow places."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from texpr import cli, demo, doctor
from texpr.errors import TargetError
from texpr.target import threads
from texpr.version import __version__


def run(*args, code=0, **env):
    result = CliRunner(env={"COLUMNS": "100", **env}).invoke(cli.main, list(args))
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def _short_races(monkeypatch):
    monkeypatch.setattr(demo, "BUDGET_S", 0.01)


def test_version():
    assert run("--version").stdout == f"texpr, version {__version__}\n"


def test_help_names_the_commands():
    text = run("-h").stdout
    for command in ("demo", "bench", "doctor", "config"):
        assert command in text


@pytest.mark.parametrize("size", [1, 7, 64, 97])
def test_demo_as_json(size):
    found = json.loads(run("demo", "--json", "--size", str(size)).stdout)
    assert found["size"] == size
    assert found["seconds"] > 0
    assert found["compile_seconds"] > 0
    assert found["gflops"] == pytest.approx(2e-9 * size**3 / found["seconds"])
    assert found["numpy_gflops"] == pytest.approx(2e-9 * size**3 / found["numpy_seconds"])
    assert found["ratio_to_numpy"] == pytest.approx(found["numpy_seconds"] / found["seconds"])
    assert 0 <= found["max_relative_error"] <= found["error_bound"]
    assert found["target"].startswith("llvm -mcpu=")
    assert found["numpy_threads"] in (1, None)


def test_demo_as_text():
    text = run("demo", "--size", "65").stdout
    assert "# declared\ndef C(A: float32[65, 65]" in text
    assert "# schedule\ndef schedule(s):" in text
    assert "# loop nest\ndef C(" in text
    for word in ("GFLOP/s", "largest error", "ratio to NumPy", "65 x 65 x 65 float32, one thread"):
        assert word in text


@pytest.mark.parametrize("size", ["0", "-1", "100000", "many"])
def test_demo_refuses_sizes(size):
    result = run("demo", "--size", size, code=2)
    assert "Invalid value for '--size'" in result.output


def test_demo_says_what_is_wrong_with_the_target():
    result = run("demo", "--size", "8", TEXPR_TARGET="lvm", code=1)
    assert result.output == "Error: unknown target 'lvm'; did you mean 'llvm'?\n"


def test_demo_fails_where_the_result_is_wrong(monkeypatch):
    def wrong(*args, **kwargs):
        return lambda a, b, c: c.fill(1)

    monkeypatch.setattr(demo, "build", wrong)
    result = run("demo", "--size", "8", "--json", code=1)
    assert "the result is wrong: its error" in result.output
    monkeypatch.setattr(demo, "build", lambda *args, **kwargs: lambda a, b, c: c.fill(np.nan))
    run("demo", "--size", "8", "--json", code=1)


def test_doctor_as_json():
    found = json.loads(run("doctor", "--json", TEXPR_DEBUG="0").stdout)
    assert {"texpr", "Python", "NumPy", "llvmlite", "LLVM", "islpy"} <= set(found["versions"])
    assert found["versions"]["NumPy"] == np.__version__
    assert found["machine"]["num_cores"] >= 1
    assert found["machine"]["l1d_bytes"] > 0
    assert found["target"].startswith("llvm -mcpu=")
    assert found["environment"]["TEXPR_DEBUG"] == "0"


@pytest.mark.parametrize("columns", ["24", "40", "100"])
def test_doctor_fits_the_terminal(columns):
    text = run("doctor", COLUMNS=columns).stdout
    assert max(len(line) for line in text.splitlines()) <= int(columns)
    for word in ("version", "machine", "target", "texpr"):
        assert word in text


def test_doctor_names_what_is_missing_and_the_line_that_fixes_it():
    report = doctor.examine(["numpy>=1", 'no-such-package>=3; extra == "plot"'])
    assert report.extras == {"plot": False}
    assert (
        doctor.Problem("extra 'plot': no-such-package not installed", "pip install 'texpr[plot]'")
        in report.problems
    )
    assert not report.is_fatal
    assert doctor.examine(["numpy>=1", 'numpy>=1; extra == "plot"']).extras == {"plot": True}


def test_doctor_says_that_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTION", "no-such-distribution")
    problems = doctor.examine().problems
    assert doctor.Problem("texpr runs from a folder, not installed", "pip install .") in problems


def test_doctor_finds_wrong_variables(monkeypatch):
    monkeypatch.setenv("TEXPR_DEBGU", "1")
    monkeypatch.setenv("TEXPR_TARGET", "lvm")
    said = {problem.what for problem in doctor.examine([]).problems}
    assert "TEXPR_DEBGU is not read; did you mean 'TEXPR_DEBUG'?" in said
    assert "unknown target 'lvm'; did you mean 'llvm'?" in said
    monkeypatch.delenv("TEXPR_TARGET")
    monkeypatch.setenv("TEXPR_DEBUG", "9")
    said = {problem.what for problem in doctor.examine([]).problems}
    assert "TEXPR_DEBUG: '9' is not a level; set a whole number from 0 to 5" in said


@pytest.mark.parametrize(
    ("name", "value", "is_fatal"),
    [
        ("TEXPR_DEBUG", "9", True), ("TEXPR_VERIFY", "9", True), ("TEXPR_DUMP", __file__, True),
        ("TEXPR_TARGET", "lvm", True), ("TEXPR_THREAD_WORK", "much", False),
        ("OMP_NUM_THREADS", "all", False), ("TEXPR_OPENMP", "nowhere.so", False),
    ],
)  # fmt: skip
def test_doctor_names_each_wrong_variable_once(monkeypatch, name, value, is_fatal):
    monkeypatch.setattr(threads, "_process", threads._Process())
    monkeypatch.setenv(name, value)
    found = [problem for problem in doctor.examine([]).problems if value in problem.what]
    assert [(problem.fix, problem.is_fatal) for problem in found] == [
        ("set the variable anew or unset it", is_fatal)
    ]


def test_doctor_on_a_machine_without_code_generation(monkeypatch):
    def refuse(text):
        raise TargetError("target: triple 's390x-linux' has an architecture that …; use one of …")

    monkeypatch.setattr(doctor.Target, "host", refuse, raising=True)
    monkeypatch.setattr(doctor.Target, "host", staticmethod(lambda: refuse("")))
    report = doctor.examine([])
    assert report.is_fatal
    assert report.machine["vector_bits"] is None
    run("doctor", code=1)


def test_doctor_marks_up_nothing_that_it_did_not_write():
    text = run("doctor", OPENBLAS_CORETYPE="[red]odd[/red]", COLUMNS="200").stdout
    assert "[red]odd[/red]" in text


def test_config():
    text = run("config", TEXPR_DEBUG="3", TEXPR_DEBGU="1", COLUMNS="200").stdout
    for name in ("TEXPR_DEBUG", "TEXPR_DUMP", "TEXPR_TARGET"):
        assert name in text
    assert "unset" in text
    assert "TEXPR_DEBGU is not read; did you mean 'TEXPR_DEBUG'?" in text


def test_as_a_program():
    command = "from texpr.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "config"], capture_output=True, text=True, check=True
    )
    assert "TEXPR_DEBUG" in done.stdout
    assert done.stderr == ""
