"""Digests that need not be computed twice, kept in memory and in ``<folder>/digests.sqlite``.

When an entry holds
    An entry belongs to an absolute path, as it was given (links in it are not resolved), and to the
    file found behind it: size, mtime, ctime (both in nanoseconds) and inode. All must be as they
    were. The ctime catches a file that was edited and given its old mtime back. The device is left
    out: its number differs between the hosts that mount one network file system and, for some file
    systems, from boot to boot.

When an entry is kept
    Linux before 6.13 stamps files with a clock that ticks every 1 to 10 ms, and servers of network
    file systems may do so too, hence a file can change twice under one time stamp (git's "racily
    clean" entries, ``Documentation/technical/racy-git``). So an entry is kept only if the file's
    ctime and mtime lay at least 20 ms before the moment when hashing began; a change after that
    moment then shows. File systems that count whole seconds need 2 s. What is too fresh is hashed
    again at its next use. For files over 1 MB that would be dear, so :func:`settle` waits for the
    rest of the 20 ms before they are hashed.

What may go wrong
    Nothing that matters: a database that is locked, read-only, corrupt or of another version means
    only that files are hashed again. A corrupt one is deleted. Each entry has a checksum, so damage
    cannot yield a wrong digest.

Processes
    A database connection lives no longer than one call, hence none is carried across a fork. A
    server calls :meth:`DigestCache.load` before it forks; a child reads what it inherited and hands
    back :meth:`DigestCache.new_entries`, which the server absorbs and flushes.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import TypeVar
from urllib.parse import quote

import msgspec

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ENTRIES = 1_000_000
PRELOAD = 100_000
WAIT_WORTH = 1_000_000
"""Files larger than this (bytes) are waited for until their digest can be kept."""

_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000

_FILE_NAME = "digests.sqlite"
_VERSION = 1
_BUSY_S = 2.0
_SCHEMA = """CREATE TABLE IF NOT EXISTS digest (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, value BLOB NOT NULL
)"""

_SIGNATURE = struct.Struct("<QqqQ")
_DIGEST_END = _SIGNATURE.size + 32
_VALUE_SIZE = _DIGEST_END + 4


class CacheEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one process tells another: an absolute path and the packed value stored for it."""

    path: bytes
    value: bytes


def signature(stat: os.stat_result) -> bytes:
    """The part of a file's status that changes when its content does, as 32 bytes."""
    return _SIGNATURE.pack(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def is_settled(stat: os.stat_result, began_ns: int) -> bool:
    """Whether every change after ``began_ns`` (nanoseconds since the epoch) shows in the status."""
    coarse = stat.st_ctime_ns % _SECOND_NS == 0
    edge = began_ns - (_COARSE_TICK_NS if coarse else _TICK_NS)
    # A ctime ahead of the clock is a server's skew; an mtime ahead was set by hand.
    return stat.st_ctime_ns < edge and not edge <= stat.st_mtime_ns <= began_ns


def settle(stat: os.stat_result) -> None:
    """Wait, at most 20 ms, until a large file's digest can be kept; return at once for others."""
    if stat.st_size <= WAIT_WORTH:
        return
    age = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns)
    if 0 <= age <= _TICK_NS:
        time.sleep((_TICK_NS - age + 1_000_000) / _SECOND_NS)


class DigestCache:
    """Digests by path and status, shared through a database in ``folder`` (None: memory only).

    At most ``max_entries`` are kept, the oldest go first; ``preload`` of them, the newest, are read
    by :meth:`load`, and the others one by one when they are asked for.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        *,
        max_entries: int = MAX_ENTRIES,
        preload: int = PRELOAD,
    ) -> None:
        self._file = None if folder is None else os.path.abspath(os.path.join(folder, _FILE_NAME))
        self._max_entries = max_entries
        self._preload = preload
        self._known: dict[bytes, bytes] = {}
        self._new: dict[bytes, bytes] = {}
        self._pid = os.getpid()
        self._loaded = False
        self._complete = True

    def load(self) -> None:
        """Read the newest entries of the database, once; a server does so before it forks."""
        if self._loaded:
            return
        self._loaded = True
        rows = self._read(self._newest) or []
        self._complete = len(rows) <= self._preload
        self._known = dict(reversed(rows)) | self._known

    def lookup(self, files: Sequence[tuple[bytes, os.stat_result]]) -> list[bytes | None]:
        """The 32 bytes of the SHA-256 of each file (absolute path, status), or None if unknown."""
        self.load()
        if not self._complete:
            self._fetch([path for path, _ in files if path not in self._known])
        known = self._known
        return [_unpack(path, known.get(path), stat) for path, stat in files]

    def store(self, path: bytes, stat: os.stat_result, began_ns: int, digest: bytes) -> None:
        """Keep a file's SHA-256 (32 bytes), unless the file was too fresh when hashing began."""
        if is_settled(stat, began_ns):
            self._add(path, _pack(path, stat, digest))

    def new_entries(self) -> list[CacheEntry]:
        """The entries that this process has added and not yet flushed."""
        return [CacheEntry(path, value) for path, value in self._mine().items()]

    def absorb(self, entries: Iterable[CacheEntry]) -> None:
        """Add what another process has found out."""
        for entry in entries:
            self._add(entry.path, entry.value)

    def flush(self) -> None:
        """Write the new entries to the database, in one transaction; on failure they stay new."""
        new = self._mine()
        if self._file is None or not new:
            return
        rows = list(new.items())
        # A second time, since the first attempt may have found and deleted a corrupt database.
        if self._write(rows) or (not os.path.exists(self._file) and self._write(rows)):
            for path, value in rows:
                if new.get(path) is value:
                    del new[path]

    def _mine(self) -> dict[bytes, bytes]:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._new = {}
        return self._new

    def _add(self, path: bytes, value: bytes) -> None:
        for entries in (self._known, self._mine()):
            entries[path] = value
            if len(entries) > self._max_entries:
                _drop_oldest(entries)

    def _newest(self, db: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
        return db.execute(
            "SELECT path, value FROM digest ORDER BY id DESC LIMIT ?", (self._preload + 1,)
        ).fetchall()

    def _fetch(self, paths: Sequence[bytes]) -> None:
        query = "SELECT path, value FROM digest WHERE path = ?"
        if paths:
            rows = self._read(lambda db: [db.execute(query, (path,)).fetchone() for path in paths])
            self._known.update(row for row in rows or () if row)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T | None:
        if self._file is None or not os.path.exists(self._file):
            return None
        return self._use("ro", lambda db: query(db) if _version(db) == _VERSION else None)

    def _write(self, rows: Sequence[tuple[bytes, bytes]]) -> bool:
        assert self._file is not None
        try:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)
        except OSError as error:
            log.debug("no folder for the cache of digests: %s", error)
            return False
        return self._use("rwc", lambda db: _insert(db, rows, self._max_entries)) or False

    def _use(self, mode: str, work: Callable[[sqlite3.Connection], T]) -> T | None:
        assert self._file is not None
        uri = f"file:{quote(os.fsencode(self._file))}?mode={mode}"
        try:
            with closing(
                sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            ) as db:
                return work(db)
        except sqlite3.Error as error:
            log.debug("the cache of digests in %r is not used: %s", self._file, error)
            if _is_corrupt(error):
                _delete(self._file)
            return None


def _pack(path: bytes, stat: os.stat_result, digest: bytes) -> bytes:
    body = signature(stat) + digest
    return body + zlib.crc32(path + body).to_bytes(4, "little")


def _unpack(path: bytes, value: bytes | None, stat: os.stat_result) -> bytes | None:
    if not isinstance(value, bytes) or len(value) != _VALUE_SIZE:
        return None
    if not value.startswith(signature(stat)):
        return None
    intact = zlib.crc32(path + value[:_DIGEST_END]).to_bytes(4, "little") == value[_DIGEST_END:]
    return value[_SIGNATURE.size : _DIGEST_END] if intact else None


def _drop_oldest(entries: dict[bytes, bytes]) -> None:
    # A tenth at once: taking the first key of a dict one at a time costs quadratic time.
    for path in list(islice(entries, len(entries) // 10 + 1)):
        del entries[path]


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _insert(db: sqlite3.Connection, rows: Sequence[tuple[bytes, bytes]], max_entries: int) -> bool:
    # Without syncing, a crash of the machine may damage the file; the checksums make that harmless.
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN IMMEDIATE")
    if _version(db) != _VERSION:
        db.execute("DROP TABLE IF EXISTS digest")
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute(_SCHEMA)
    db.executemany("INSERT OR REPLACE INTO digest (path, value) VALUES (?, ?)", rows)
    db.execute("DELETE FROM digest WHERE id <= (SELECT max(id) FROM digest) - ?", (max_entries,))
    db.execute("COMMIT")
    return True


def _is_corrupt(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _delete(file: str) -> None:
    for name in (file, f"{file}-journal"):
        with suppress(OSError):
            os.unlink(name)
