"""The symbols that a relocatable object file shares with others.

LLVM's code generator adds calls of its own (``memcpy``, ``__truncsfbf2``), so that
only the finished object tells every symbol it needs; llvmlite shows an object's sections but not
its symbols. Both formats here are as their specifications lay them out, 64-bit little-endian:
the System V ABI's ELF, which LLVM's JIT uses on Windows too, and Mach-O of macOS.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from texpr.errors import InternalError

_ELF_MAGIC = b"\x7fELF\x02\x01"  # class 64-bit, data little-endian
_ELF_SYMBOL_TABLE = 2  # SHT_SYMTAB
_MACHO_MAGIC = struct.pack("<I", 0xFEEDFACF)
_MACHO_SYMBOL_TABLE = 2  # LC_SYMTAB
_MACHO_TYPE_MASK = 0x0E  # N_TYPE; its value N_UNDF is 0
_MACHO_DEBUG_MASK = 0xE0  # N_STAB
_MACHO_EXTERNAL = 0x01  # N_EXT


def linked_symbols(image: bytes) -> tuple[set[str], set[str]]:
    """Return the names, as in C, that the object ``image`` defines for others, and those it lacks.

    Raises
    ------
    InternalError
        The image is of another format.
    """
    if image.startswith(_ELF_MAGIC):
        symbols = list(_elf(image))
    elif image.startswith(_MACHO_MAGIC):
        symbols = list(_macho(image))
    else:
        raise InternalError(f"link: an object file that begins with {image[:6]!r} is not known")
    return (
        {name for name, is_defined in symbols if is_defined},
        {name for name, is_defined in symbols if not is_defined},
    )


def _string(image: bytes, start: int) -> str:
    return image[start : image.index(b"\0", start)].decode()


def _elf(image: bytes) -> Iterator[tuple[str, bool]]:
    (headers,) = struct.unpack_from("<Q", image, 0x28)  # e_shoff
    size, count = struct.unpack_from("<HH", image, 0x3A)  # e_shentsize, e_shnum
    sections = [
        struct.unpack_from("<IIQQQQIIQQ", image, headers + index * size) for index in range(count)
    ]
    for _, kind, _, _, start, length, strings_index, _, _, entry_size in sections:
        if kind != _ELF_SYMBOL_TABLE:
            continue
        strings = sections[strings_index][4]
        for at in range(start, start + length, entry_size):
            name, info, _, section = struct.unpack_from("<IBBH", image, at)
            if name and info >> 4:  # not STB_LOCAL
                yield _string(image, strings + name), section != 0  # SHN_UNDEF


def _macho(image: bytes) -> Iterator[tuple[str, bool]]:
    (count,) = struct.unpack_from("<I", image, 16)  # ncmds
    at = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", image, at)
        if command == _MACHO_SYMBOL_TABLE:
            start, length, strings = struct.unpack_from("<III", image, at + 8)
            for entry in range(start, start + 16 * length, 16):
                name, kind, _, _, _ = struct.unpack_from("<IBBHQ", image, entry)
                if name and kind & _MACHO_EXTERNAL and not kind & _MACHO_DEBUG_MASK:
                    # Mach-O puts an underscore before every name of C.
                    c_name = _string(image, strings + name).removeprefix("_")
                    yield c_name, kind & _MACHO_TYPE_MASK != 0
        at += size
