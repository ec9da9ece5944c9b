"""Environment variables: read at use, checked, listed."""

from __future__ import annotations

import os
import unittest.mock
from pathlib import Path

import pytest

from texpr import config
from texpr.errors import ConfigError

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for variable in config.VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


def test_defaults():
    assert config.debug_level() == 0
    assert config.dump_dir() is None
    assert config.default_target() == "llvm"


def test_every_change_of_the_environment_is_seen(monkeypatch):
    monkeypatch.setenv("TEXPR_TARGET", " llvm -num-cores=1 ")
    assert config.default_target() == "llvm -num-cores=1"
    os.environ["TEXPR_TARGET"] = "  "
    assert config.default_target() == "llvm"
    os.environ.update(TEXPR_TARGET="llvm -num-cores=2")
    assert config.default_target() == "llvm -num-cores=2"
    del os.environ["TEXPR_TARGET"]
    assert config.default_target() == "llvm"
    with unittest.mock.patch.dict(os.environ, {"TEXPR_TARGET": "llvm -num-cores=3"}):
        assert config.default_target() == "llvm -num-cores=3"
    assert config.default_target() == "llvm"
    for text, target in ((None, "llvm"), ("llvm -num-cores=4", "llvm -num-cores=4")):
        # A dict in its place has nothing behind it.
        given = {} if text is None else {"TEXPR_TARGET": text}
        monkeypatch.setattr(os, "environ", given)
        assert config.default_target() == target


def test_levels(monkeypatch):
    for level in range(6):
        monkeypatch.setenv("TEXPR_DEBUG", f" {level} ")
        assert config.debug_level() == level
    monkeypatch.setenv("TEXPR_DEBUG", "")
    assert config.debug_level() == 0
    for wrong in ("6", "-1", "yes", "1.5", "²"):
        monkeypatch.setenv("TEXPR_DEBUG", wrong)
        with pytest.raises(ConfigError) as caught:
            config.debug_level()
        assert str(caught.value) == (
            f"TEXPR_DEBUG: {wrong!r} is not a level; set a whole number from 0 to 5"
        )


def test_num_threads(monkeypatch):
    assert config.num_threads() is None
    for text, count in (("1", 1), (" 12 ", 12), ("4,2", 4), ("1024", 1024)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert config.num_threads() == count
    for wrong in ("0", "-1", "many", "1025", ",2", "2.0"):
        monkeypatch.setenv("OMP_NUM_THREADS", wrong)
        with pytest.raises(
            ConfigError,
            match=r"OMP_NUM_THREADS: '.*' is not a number from 1 to 1024; set one, or unset it",
        ):
            config.num_threads()


def test_thread_work(monkeypatch):
    assert config.thread_work() == 32768
    monkeypatch.setenv("TEXPR_THREAD_WORK", "1")
    assert config.thread_work() == 1
    monkeypatch.setenv("TEXPR_THREAD_WORK", "0")
    with pytest.raises(ConfigError, match=r"TEXPR_THREAD_WORK: '0' is not a number from 1 to"):
        config.thread_work()


def test_openmp(monkeypatch):
    assert config.openmp() is None
    monkeypatch.setenv("TEXPR_OPENMP", "libgomp.so.1")
    assert config.openmp() == "libgomp.so.1"


def test_dump_dir_is_made(monkeypatch, tmp_path):
    wanted = tmp_path / "a" / "b"
    monkeypatch.setenv("TEXPR_DUMP", str(wanted))
    assert config.dump_dir() == wanted
    assert wanted.is_dir()


def test_dump_dir_that_cannot_be_made(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("TEXPR_DUMP", str(file / "below"))
    with pytest.raises(ConfigError, match=r"TEXPR_DUMP: cannot make the directory .*; name one"):
        config.dump_dir()


def test_every_variable_read_anywhere_is_in_the_table():
    listed = {variable.name for variable in config.VARIABLES}
    for path in (ROOT / "texpr").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "config.py":
            assert "os.environ[" not in text, path
            assert "getenv" not in text, path
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in listed:
        assert f"`{name}`" in readme


def test_a_hint_needs_more_than_the_prefix():
    said = config.unknown_variables({"TEXPR_FOO": "1", "TEXPR_THREAD_WROK": "1"})
    assert said == (
        "TEXPR_FOO is not read",
        "TEXPR_THREAD_WROK is not read; did you mean 'TEXPR_THREAD_WORK'?",
    )
