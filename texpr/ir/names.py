"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Collection


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return ``name``, with ``_1``, ``_2`` … where it is taken.

    >>> unique_name("i", ()), unique_name("i", {"i", "i_1"})
    ('i', 'i_2')
    """
    unique, count = name, 0
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique
