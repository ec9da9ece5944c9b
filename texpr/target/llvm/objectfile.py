"""The symbols that a relocatable object file leaves for others to define.

LLVM's code generator adds calls of its own (``memcpy``, ``fmodf``, ``__truncsfbf2``), so that
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


def undefined_symbols(image: bytes) -> list[str]:
    """Return the names that the object ``image`` uses and does not define, sorted, as in C.

    Raises
    ------
    InternalError
        The image is of another format.
    """
    if image.startswith(_ELF_MAGIC):
        names = _elf(image)
    elif image.startswith(_MACHO_MAGIC):
        names = _macho(image)
    else:
        raise InternalError(f"link: an object file that begins with {image[:6]!r} is not known")
    return sorted(set(names))


def _string(image: bytes, start: int) -> str:
    return image[start : image.index(b"\0", start)].decode()


def _elf(image: bytes) -> Iterator[str]:
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
            name, _, _, section = struct.unpack_from("<IBBH", image, at)
            if name and section == 0:  # SHN_UNDEF
                yield _string(image, strings + name)


def _macho(image: bytes) -> Iterator[str]:
    (count,) = struct.unpack_from("<I", image, 16)  # ncmds
    at = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", image, at)
        if command == _MACHO_SYMBOL_TABLE:
            start, length, strings = struct.unpack_from("<III", image, at + 8)
            for entry in range(start, start + 16 * length, 16):
                name, kind, _, _, _ = struct.unpack_from("<IBBHQ", image, entry)
                if name and not kind & (_MACHO_TYPE_MASK | _MACHO_DEBUG_MASK):
                    # Mach-O puts an underscore before every name of C.
                    yield _string(image, strings + name).removeprefix("_")
        at += size
