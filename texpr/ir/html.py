"""What notebooks show: small self-contained cards of HTML, for light and dark themes.

Everything that is shown in one goes through here, so it is escaped once and looks alike. A loop
nest is printed by :mod:`texpr.ir.printer`, with its pieces marked where it prints them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Final

from texpr.ir.printer import program_text, stmt_text
from texpr.ir.program import Program, Shown, Stmt


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: object) -> Html:
    """Return ``text`` as HTML; what is HTML stays as it is.

    >>> escaped("i < n"), escaped(Html("<b>bold</b>"))
    ('i &lt; n', '<b>bold</b>')
    """
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def marked(kind: str, text: object) -> Html:
    """Return ``text`` as a piece of some kind, coloured like others of it."""
    return Html(f'<span class="tx-{kind}">{escaped(text)}</span>')


def card(kind: str, title: object, *parts: Html) -> str:
    """Return a card: what kind of thing it shows, its name, and the parts below.

    >>> "axis" in card("axis", "i", facts({"extent": 4}))
    True
    """
    head = (
        f'<div class="tx-head"><span class="tx-kind">{escaped(kind)}</span> {escaped(title)}</div>'
    )
    return f'<div class="texpr"><style>{_STYLE}</style>{head}{"".join(parts)}</div>'


def facts(rows: Mapping[str, object]) -> Html:
    """Return a table of names and values; a value that is None or empty has no row."""
    shown = {name: value for name, value in rows.items() if value not in (None, "", ())}
    cells = "".join(
        f"<tr><th>{escaped(n)}</th><td>{escaped(v)}</td></tr>" for n, v in shown.items()
    )
    return Html(f'<table class="tx-facts">{cells}</table>' if cells else "")


def code(text: object) -> Html:
    """Return lines of a program."""
    return Html(f"<pre>{escaped(text)}</pre>")


def folded(label: object, *parts: Html) -> Html:
    """Return parts that are shown when one clicks on the label."""
    inside = "".join(parts)
    return Html(f"<details><summary>{escaped(label)}</summary>{inside}</details>")


def listed(items: Iterable[object]) -> Html:
    """Return one line of small pieces of a program."""
    return Html(", ".join(f"<code>{escaped(item)}</code>" for item in items))


def count(number: int, noun: str) -> str:
    """Return ``1 step`` or ``2 steps``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def loops(program: Program) -> Html:
    """Return a program with its loop nest, the kinds of its loops in their colours."""
    return code(Html(program_text(program, marked)))


def _show(thing: Stmt | Program) -> str:
    if isinstance(thing, Program):
        return card("program", marked("name", thing.name), loops(thing))
    return card("statement", "", code(Html(stmt_text(thing, marked))))


Shown.show_html = staticmethod(_show)

# Text has the colour of the page around it. The others lie half-way between black and white, to be
# read on either; where a notebook says that it is dark, they are lighter.
_STYLE: Final = """
.texpr { --tx-key: #7d6aa8; --tx-type: #2f8380; --tx-quiet: #7c7f88; --tx-line: #8884;
  --tx-parallel: #c2571a; --tx-vectorized: #2a73c5; --tx-unrolled: #3f8a3a; --tx-bad: #c53b3b;
  --tx-mono: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 13px; line-height: 1.45; max-width: 72em; margin: .3em 0;
  padding: .6em .9em .7em; border: 1px solid var(--tx-line); border-radius: 6px; }
[data-jp-theme-light=false] .texpr, .vscode-dark .texpr, [theme=dark] .texpr { --tx-key: #b7a5e0;
  --tx-type: #6cc4bf; --tx-quiet: #9a9da6; --tx-parallel: #f0975e; --tx-vectorized: #74b1f2;
  --tx-unrolled: #8bcb7f; --tx-bad: #f08080; }
.texpr .tx-head { font-family: var(--tx-mono); margin-bottom: .35em; }
.texpr .tx-head .tx-name { font-weight: 600; }
.texpr .tx-kind { color: var(--tx-quiet); margin-right: .5em; font-family: system-ui, sans-serif;
  font-size: 11px; letter-spacing: .06em; text-transform: uppercase; }
.texpr pre { font: 12.5px/1.5 var(--tx-mono); margin: .35em 0; padding: 0; border: 0;
  background: none; color: inherit; max-height: 36em; overflow: auto; white-space: pre; }
.texpr code { font: inherit; background: none; color: inherit; padding: 0; }
.texpr .tx-facts { border-collapse: collapse; margin: .2em 0; font-size: 12.5px; border: 0;
  color: inherit; }
.texpr .tx-facts th, .texpr .tx-facts td { text-align: left; vertical-align: top; border: 0;
  padding: .1em 1.2em .1em 0; background: none; color: inherit; }
.texpr .tx-facts th { font-weight: normal; color: var(--tx-quiet); white-space: nowrap; }
.texpr .tx-facts td { font-family: var(--tx-mono); }
.texpr summary { cursor: pointer; color: var(--tx-quiet); font-size: 12px; margin-top: .35em; }
.texpr .tx-keyword { color: var(--tx-key); }
.texpr .tx-type { color: var(--tx-type); }
.texpr .tx-quiet { color: var(--tx-quiet); }
.texpr .tx-parallel { color: var(--tx-parallel); font-weight: 600; }
.texpr .tx-vectorized { color: var(--tx-vectorized); font-weight: 600; }
.texpr .tx-unrolled { color: var(--tx-unrolled); font-weight: 600; }
.texpr .tx-bad { color: var(--tx-bad); font-weight: 600; }
"""
