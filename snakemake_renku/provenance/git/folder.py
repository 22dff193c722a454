"""One folder of a commit's tree, as it changes from commit to commit.

Each version is stored as what differs from an earlier one. If that were always the version before,
reading the last of 10,000 would mean to apply as many differences; if there were a full copy every
50 versions, as ``git fast-import`` makes them, a folder of 10,000 files would take megabytes. So a
version is a difference from the last one whose number is a multiple of a higher power of
:data:`_RADIX`, as in a ruler: few differences to apply (at most 48, below git's own limit of 50, so
that ``git gc`` keeps them), and each small.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from snakemake_renku.provenance.git.pack import TREE, PackWriter

FOLDER = b"40000"
FILE = b"100644"
EXECUTABLE = b"100755"
LINK = b"120000"
SUBMODULE = b"160000"

_RADIX = 13
_LEVELS = 4
_BLOCK = 256
_COPY_MOST = 0xFFFFFF


class Entry(NamedTuple):
    """What a name stands for: the mode as git writes it, and the object's name."""

    mode: bytes
    name: bytes


class _Block:
    """Some entries that follow one another: their sort keys, and their bytes."""

    __slots__ = ("_joined", "entries", "keys")

    def __init__(self, keys: list[bytes], entries: list[bytes]) -> None:
        self.keys = keys
        self.entries = entries
        self._joined: bytes | None = None

    @property
    def joined(self) -> bytes:
        if self._joined is None:
            self._joined = b"".join(self.entries)
        return self._joined

    def put(self, place: int, key: bytes, entry: bytes) -> int | None:
        """Put an entry in, and return the length of the one it replaces."""
        self._joined = None
        if place < len(self.keys) and self.keys[place] == key:
            before = len(self.entries[place])
            self.entries[place] = entry
            return before
        self.keys.insert(place, key)
        self.entries.insert(place, entry)
        return None

    def split(self) -> _Block:
        half = len(self.keys) // 2
        other = _Block(self.keys[half:], self.entries[half:])
        self.keys, self.entries, self._joined = self.keys[:half], self.entries[:half], None
        return other


class _Base:
    """An earlier version, and the keys that changed since, with the lengths that they had."""

    __slots__ = ("changed", "name", "size")

    def __init__(self, name: bytes, size: int) -> None:
        self.name = name
        self.size = size
        self.changed: dict[bytes, int] = {}


class Folder:
    """The entries of a folder; ``data`` is a tree object as git stores it."""

    def __init__(self, data: bytes = b"", hash_size: int = 20) -> None:
        self._entries: dict[bytes, Entry] = dict(parse(data, hash_size))
        self._blocks = _blocks(self._entries)
        self._firsts = [block.keys[0] for block in self._blocks]
        self._bases: list[_Base] = []
        self._version = 0

    def get(self, name: bytes) -> Entry | None:
        """What ``name`` stands for."""
        return self._entries.get(name)

    def put(self, name: bytes, entry: Entry) -> bool:
        """Let ``name`` stand for something; False if it does so already.

        A file never takes the place of a folder, nor a folder that of a file.
        """
        before = self._entries.get(name)
        if before == entry:
            return False
        assert before is None or (before.mode == FOLDER) == (entry.mode == FOLDER)
        self._entries[name] = entry
        key = name + b"/" if entry.mode == FOLDER else name
        length = self._put(key, b"%s %s\0%s" % (entry.mode, name, entry.name))
        for base in self._bases:
            base.changed.setdefault(key, length or 0)
        return True

    def write(self, pack: PackWriter) -> bytes:
        """Add this version to the pack, and return its name."""
        parts = [block.joined for block in self._blocks]
        *starts, size = accumulate(map(len, parts), initial=0)
        name = pack.name_of(TREE, parts, size)
        level = self._level()
        if name in pack.objects:
            return name
        if level is None or not self._write_delta(pack, name, size, starts, self._bases[level]):
            self._version = 0
            pack.add_full(TREE, name, b"".join(parts))
        self._advance(name, size)
        return name

    def _put(self, key: bytes, entry: bytes) -> int | None:
        if not self._blocks:
            self._blocks.append(_Block([key], [entry]))
            self._firsts.append(key)
            return None
        number = max(bisect_right(self._firsts, key) - 1, 0)
        block = self._blocks[number]
        length = block.put(bisect_left(block.keys, key), key, entry)
        self._firsts[number] = block.keys[0]
        if len(block.keys) > 2 * _BLOCK:
            other = block.split()
            self._blocks.insert(number + 1, other)
            self._firsts.insert(number + 1, other.keys[0])
        return length

    # Versions

    def _level(self) -> int | None:
        """Which base the version to come is to differ from; None if there is none to use."""
        if not self._bases or self._version >= _RADIX**_LEVELS:
            return None
        level = 0
        while self._version % _RADIX ** (level + 1) == 0:
            level += 1
        return level

    def _advance(self, name: bytes, size: int) -> None:
        levels = range(_LEVELS)
        if self._version == 0:
            self._bases = [_Base(name, size) for _ in levels]
        for level in levels:
            if self._version % _RADIX**level == 0:
                self._bases[level] = _Base(name, size)
        self._version += 1

    def _write_delta(
        self, pack: PackWriter, name: bytes, size: int, starts: list[int], base: _Base
    ) -> bool:
        delta = b"".join(self._delta(size, starts, base))
        if len(delta) * 2 > size:
            return False
        pack.add_delta(name, base.name, delta)
        return True

    def _delta(self, size: int, starts: list[int], base: _Base) -> Iterator[bytes]:
        """What makes this version of ``base``: pieces to be copied from it, and new ones.

        ``starts`` are the offsets of the blocks.
        """
        yield _number(base.size) + _number(size)
        copied = 0
        grown = 0
        for key in sorted(base.changed):
            offset, entry = self._find(key, starts)
            before = base.changed[key]
            start = offset - grown
            yield from _copy(copied, start - copied)
            yield from _insert(entry)
            copied = start + before
            grown += len(entry) - before
        yield from _copy(copied, base.size - copied)

    def _find(self, key: bytes, starts: list[int]) -> tuple[int, bytes]:
        number = bisect_right(self._firsts, key) - 1
        block = self._blocks[number]
        place = bisect_left(block.keys, key)
        return starts[number] + sum(map(len, block.entries[:place])), block.entries[place]


def parse(data: bytes, hash_size: int) -> Iterator[tuple[bytes, Entry]]:
    """The entries of a tree object."""
    place = 0
    while place < len(data):
        space = data.index(b" ", place)
        zero = data.index(b"\0", space)
        end = zero + 1 + hash_size
        yield data[space + 1 : zero], Entry(data[place:space], data[zero + 1 : end])
        place = end


def _blocks(entries: dict[bytes, Entry]) -> list[_Block]:
    rows = sorted(
        (name + b"/" if one.mode == FOLDER else name, b"%s %s\0%s" % (one.mode, name, one.name))
        for name, one in entries.items()
    )
    return [
        _Block([key for key, _ in part], [entry for _, entry in part])
        for part in (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))
    ]


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _copy(offset: int, size: int) -> Iterator[bytes]:
    while size > 0:
        part = min(size, _COPY_MOST)
        places = offset.to_bytes(4, "little") + part.to_bytes(3, "little")
        flags = 0x80 | sum(1 << bit for bit, byte in enumerate(places) if byte)
        yield bytes([flags]) + bytes(byte for byte in places if byte)
        offset += part
        size -= part


def _insert(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 0x7F):
        part = data[start : start + 0x7F]
        yield bytes([len(part)]) + part
