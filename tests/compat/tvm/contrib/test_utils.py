"""Temporary directories under TVM's names."""

from __future__ import annotations

from pathlib import Path

from texpr.compat.tvm.contrib import utils


def test_a_directory_for_a_while():
    temp = utils.tempdir()
    Path(temp.relpath("one")).touch()
    assert temp.listdir() == ["one"]
    assert Path(temp.path, "one").exists()
    assert temp.temp_dir == temp.path
    temp.remove()
    assert not Path(temp.path).exists()
