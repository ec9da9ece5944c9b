"""How the tests are run: hypothesis' profile, ``--fuzz N``, golden files.

A golden file holds text that a test produced and somebody read: ``golden(text, "name")`` compares
``text`` with ``tests/goldens/name.txt``. ``--update-golden`` writes what the tests produce and
fails the run, so that it cannot pass unread; a golden file that no test asks for fails it too.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import texpr

GOLDENS = Path(__file__).parent / "goldens"

# The same examples in every run, on every machine: what fails for one fails for all. New ones
# are what --fuzz is for. No deadline: the first example of a test may load LLVM.
hypothesis.settings.register_profile(
    "texpr",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("texpr")


@pytest.fixture(autouse=True, scope="session")
def _threads_at_work() -> Iterator[None]:
    """Let every parallel loop of the tests use threads, however little it has to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXPR_THREAD_WORK", "1")
        texpr.set_num_threads(3)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("texpr")
    group.addoption(
        "--fuzz",
        type=int,
        default=0,
        metavar="N",
        help="property tests draw N times as many examples, new ones each time",
    )
    group.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files from what the tests produce, and fail the run",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fuzz") < 0:
        raise pytest.UsageError("--fuzz: N must be at least 1")
    config.pluginmanager.register(Goldens(config), "texpr-goldens")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    factor = config.getoption("--fuzz")
    if not factor:
        return
    tests = (getattr(item, "obj", None) for item in items)
    # A parametrized test is one function in several items, to be multiplied once.
    functions = {
        getattr(test, "__func__", test)
        for test in tests
        if getattr(test, "is_hypothesis_test", False)
    }
    for function in functions:
        # Where @settings put its values; hypothesis has no public way to change them later.
        old = getattr(function, "_hypothesis_internal_use_settings", hypothesis.settings.default)
        function._hypothesis_internal_use_settings = hypothesis.settings(
            old, max_examples=old.max_examples * factor, derandomize=False
        )


class Goldens:
    """Compares text with files, rewrites them if told, and finds those nobody asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.update = bool(config.getoption("--update-golden"))
        self.used: set[str] = set()
        self.written: set[str] = set()
        self.orphans: list[str] = []

    def compare(self, text: str, name: str) -> None:
        """Fail the test where ``text`` is not what the golden file ``name`` says."""
        path = GOLDENS / f"{name}.txt"
        text = text.rstrip("\n") + "\n"
        self.used.add(path.name)
        old = path.read_text(encoding="utf-8") if path.exists() else None
        if old == text:
            return
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self.written.add(path.name)
            return
        if old is None:
            pytest.fail(
                f"golden file {path.name} does not exist; run pytest --update-golden and read it"
            )
        lines = difflib.unified_diff(
            old.splitlines(), text.splitlines(), f"goldens/{path.name}", "now", lineterm=""
        )
        pytest.fail("golden file differs:\n" + "\n".join(lines))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        worker = getattr(self.config, "workeroutput", None)
        if worker is not None:  # one of several processes of pytest-xdist
            worker["goldens"] = (sorted(self.used), sorted(self.written))
            return
        if exitstatus == 0 and self._is_whole_run(session):
            found = {path.name for path in GOLDENS.glob("*")} - {".gitkeep"}
            self.orphans = sorted(found - self.used)
        if exitstatus == 0 and (self.written or self.orphans):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        used, written = getattr(node, "workeroutput", {}).get("goldens", ((), ()))
        self.used.update(used)
        self.written.update(written)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        messages = [f"golden file {name} was rewritten: read it" for name in sorted(self.written)]
        messages += [f"golden file {name} is asked for by no test" for name in self.orphans]
        if messages:
            terminalreporter.section("golden files", red=True)
            for message in messages:
                terminalreporter.line(message, red=True)

    def _is_whole_run(self, session: pytest.Session) -> bool:
        """Whether every test was collected, so that a file not asked for is an orphan."""
        narrowing = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob")
        if any(self.config.getoption(name, None) for name in narrowing):
            return False
        asked = {Path(str(arg)).resolve() for arg in session.config.args}
        tests = Path(__file__).parent
        return tests in asked or tests.parent in asked


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file: ``golden(text, "matmul.lowered")``."""
    goldens: Goldens = request.config.pluginmanager.get_plugin("texpr-goldens")
    return goldens.compare
