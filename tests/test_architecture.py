"""Imports go one way, third-party libraries stay in their folder, names say what is inside.

Read with the standard library's ast, without importing anything.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "texpr"
FILES = sorted(PACKAGE.rglob("*.py"))

# A module may import what stands before its own layer, and its own layer. Folders beside each
# other in one row do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "version"),
    ("config",),
    ("ir",),
    ("polyhedral", "target"),
    ("schedule",),
    ("bind", "debug", "verify"),
    ("driver",),
    ("te", "kernel"),
    ("create",),
    ("compat",),
    ("autotune",),
    ("ops",),
    ("bench",),
    ("demo", "doctor"),
    ("cli",),
)
# What design.md draws as two separate branches: schedule stands on polyhedral, not on target.
FORBIDDEN_PAIRS = {("schedule", "target")}

ONLY_IN = {"islpy": "texpr/polyhedral", "llvmlite": "texpr/target/llvm"}

# Third-party packages without which texpr works; only these are imported inside functions.
OPTIONAL = {"matplotlib", "jupytext", "nbclient", "IPython"}
# Libraries that texpr is compared with, where they are installed.
OPTIONAL |= {"torch", "jax", "jaxlib", "numba", "halide"}

SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "data", "info"}


def layer_of(name: str) -> int:
    for index, row in enumerate(LAYERS):
        if name in row:
            return index
    raise AssertionError(f"texpr/{name} has no place in LAYERS; give it one")


def part_of(path: Path) -> str:
    """Return the folder or file directly below ``texpr`` that ``path`` belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[str, int, bool]]:
    """Return ``(module, line, is for types only)`` for every import anywhere in a file."""
    found: list[tuple[str, int, bool]] = []
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, id(node) in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            module = node.module or ""
            found.append((module, node.lineno, id(node) in typing_only))
            if module == "texpr":  # `from texpr import te` imports texpr.te
                found += [
                    (f"texpr.{alias.name}", node.lineno, id(node) in typing_only)
                    for alias in node.names
                ]
    return found


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def test_imports_go_one_way(trees):
    wrong = []
    for path, tree in trees.items():
        own = part_of(path)
        if own == "__init__":  # texpr/__init__.py re-exports from everywhere
            continue
        for module, line, _ in imports(tree):
            parts = module.split(".")
            if parts[0] != "texpr" or len(parts) < 2:
                continue
            other = parts[1]
            if other == own:
                continue
            upward = layer_of(other) >= layer_of(own)
            if upward or (own, other) in FORBIDDEN_PAIRS:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_third_party_libraries_stay_in_their_folder(trees):
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path, tree in trees.items()
        for module, line, _ in imports(tree)
        for library, folder in ONLY_IN.items()
        if module.split(".")[0] == library
        and not path.relative_to(ROOT).as_posix().startswith(f"{folder}/")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_inside_a_function(trees):
    wrong = []
    for path, tree in trees.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            for module, line, _ in imports(function):
                if module.split(".")[0] not in OPTIONAL:
                    wrong.append(f"{path.relative_to(ROOT)}:{line}: {module}")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_is_inside():
    """Except where a program asks for another toolkit's module by its name there."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in FILES
        if part_of(path) != "compat"
        and SAYS_NOTHING & {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts}
    ]
    assert not wrong


def test_no_cycle_between_modules(trees):
    """Imports at run time, between single modules, have an order."""
    module_of = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in trees
    }
    needs = {
        name: {
            module
            for module, _, types_only in imports(trees[path])
            if not types_only
            and module in module_of
            and module != name
            # `from texpr.ir import x` in a package's own __init__ is not a way back to it
            and not name.startswith(f"{module}.")
        }
        for name, path in module_of.items()
    }
    done: set[str] = set()
    while ready := {name for name, below in needs.items() if name not in done and below <= done}:
        done |= ready
    assert done == set(needs), f"import cycle among {sorted(set(needs) - done)}"


# What a Python function raises must not pass through machine code; it is raised again behind it.
CATCHES_EVERYTHING = {"texpr/target/callbacks.py"}


def test_no_bare_except_and_no_assert_on_input(trees):
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees.items()
        if path.relative_to(ROOT).as_posix() not in CATCHES_EVERYTHING
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "BaseException")
    ]
    assert not wrong, "\n".join(wrong)


def test_tests_mirror_the_package():
    """A folder of tests has the name of a folder of texpr."""
    others = {"goldens"}
    folders = {
        path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")
    }
    for folder in folders:
        if folder.parts and folder.parts[0] not in others:
            assert (PACKAGE / folder).is_dir(), f"tests/{folder} mirrors nothing in texpr/"
