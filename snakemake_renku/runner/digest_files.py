"""The SHA-256 of regular files: many at a time, from the cache or in threads, each read steadily.

A file that changes while it is read is read again, so that a digest is of one state of it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat as modes
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from snakemake_renku.errors import DigestError
from snakemake_renku.runner.digest_cache import DigestCache, settle, signature

RETRIES = 3
"""How often what changes while it is read is read again."""

_AT_ONCE = 64 << 10
_BUFFER = 256 << 10
_THREAD_WORTH = 256 << 10
_POOL_WORTH = 4_000_000

# A named pipe put in a file's place after it was looked at must not block the opening.
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_GONE = (errno.ENOENT, errno.ENOTDIR)
_REMEDIES = {
    errno.EACCES: "Give the user who runs the job permission to read it.",
    errno.EPERM: "Give the user who runs the job permission to read it.",
    errno.ENOENT: "Make sure that nothing removes it while the job runs.",
    errno.ENOTDIR: "Make sure that nothing removes it while the job runs.",
    errno.ELOOP: "Mend the symbolic links that lead to it.",
    errno.EIO: "Check the storage that holds it.",
}


class File(NamedTuple):
    """A path and what :func:`os.stat` said of it."""

    path: bytes
    stat: os.stat_result


class Hashed(NamedTuple):
    """A digest, of how many bytes, the file's state then, and when that reading began."""

    digest: bytes
    size: int
    stat: os.stat_result
    began_ns: int


def digest_files(
    files: Sequence[File], cache: DigestCache | None, threads: int | None
) -> list[Hashed]:
    """The digests of regular files, from ``cache`` where it knows them; raises DigestError."""
    if cache is None:
        return _hash_all(files, threads, settled=False)
    keys = _absolute(files)
    known = cache.lookup([(key, file.stat) for key, file in zip(keys, files, strict=True)])
    missed = [number for number, digest in enumerate(known) if digest is None]
    fresh = _hash_all([files[number] for number in missed], threads, settled=True)
    for number, hashed in zip(missed, fresh, strict=True):
        if hashed.size == hashed.stat.st_size:
            cache.store(keys[number], hashed.stat, hashed.began_ns, hashed.digest)
    rest = iter(fresh)
    return [
        next(rest) if digest is None else Hashed(digest, file.stat.st_size, file.stat, 0)
        for digest, file in zip(known, files, strict=True)
    ]


def _absolute(files: Sequence[File]) -> list[bytes]:
    if all(file.path.startswith(b"/") for file in files):
        return [file.path for file in files]
    here = os.getcwdb()
    return [os.path.join(here, file.path) for file in files]


def _hash_all(files: Sequence[File], threads: int | None, *, settled: bool) -> list[Hashed]:
    large = [file for file in files if file.stat.st_size >= _THREAD_WORTH]
    workers = min(len(large), threads or min(8, len(os.sched_getaffinity(0))))
    if workers < 2 or sum(file.stat.st_size for file in large) < _POOL_WORTH:
        return [hash_steadily(file, settled) for file in files]
    return _hash_in_pool(files, workers, settled)


def _hash_in_pool(files: Sequence[File], workers: int, settled: bool) -> list[Hashed]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="digest")
    try:
        futures = {
            file.path: pool.submit(hash_steadily, file, settled)
            for file in sorted(files, key=lambda file: -file.stat.st_size)
            if file.stat.st_size >= _THREAD_WORTH
        }
        small = {
            file.path: hash_steadily(file, settled) for file in files if file.path not in futures
        }
        return [small.get(file.path) or futures[file.path].result() for file in files]
    finally:
        pool.shutdown(cancel_futures=True)


# One file


def hash_steadily(file: File, settled: bool) -> Hashed:
    """The digest of one state of a file; with ``settled``, one that a later change will show in.

    Raises :class:`DigestError`.
    """
    path, before = file
    for _ in range(1 + RETRIES):
        if settled:
            settle(before)
        began_ns = time.time_ns()
        digest, size = _hash_once(path, before)
        after = stat_of(path)
        if signature(before) == signature(after):
            return Hashed(digest, size, after, began_ns)
        before = after
    raise changed(path)


def _hash_once(path: bytes, stat: os.stat_result) -> tuple[bytes, int]:
    # Looked at before it is opened, for to open a pipe or a device can already change something.
    _require_regular(path, stat)
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
        try:
            opened = os.fstat(descriptor)
            _require_regular(path, opened)
            return _hash_open(descriptor, opened.st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unreadable(path, error) from error


def _hash_open(descriptor: int, size: int) -> tuple[bytes, int]:
    if size > _AT_ONCE:
        return _hash_stream(descriptor, hashlib.sha256(), 0)
    data = os.read(descriptor, size + 1)
    hasher = hashlib.sha256(data)
    if len(data) == size:
        return hasher.digest(), size
    # Files made up by the kernel have another size than they say.
    return _hash_stream(descriptor, hasher, len(data))


def _hash_stream(descriptor: int, hasher: hashlib._Hash, count: int) -> tuple[bytes, int]:
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    while read := os.readv(descriptor, (buffer,)):
        hasher.update(view[:read])
        count += read
    return hasher.digest(), count


def stat_of(path: bytes) -> os.stat_result:
    """What stands at ``path``, links followed; raises :class:`DigestError`."""
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def stat_if_there(path: bytes) -> os.stat_result | None:
    """As :func:`stat_of`, but None where nothing stands."""
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            return None
        raise unreadable(path, error) from error


def _require_regular(path: bytes, stat: os.stat_result) -> None:
    if modes.S_ISREG(stat.st_mode):
        return
    if modes.S_ISDIR(stat.st_mode):
        raise cannot_hash(path, "it is a directory", "Use the digest of a tree instead.")
    raise refused(path, stat)


# Errors


def unreadable(path: bytes, error: OSError | ValueError) -> DigestError:
    """What the system said, in words."""
    if not isinstance(error, OSError):
        return cannot_hash(path, str(error), None)
    if error.errno in _GONE:
        return cannot_hash(path, "it is not there, or not any more", _REMEDIES[errno.ENOENT])
    reason = error.strerror or str(error)
    return cannot_hash(path, reason[:1].lower() + reason[1:], _REMEDIES.get(error.errno or 0))


def refused(path: bytes, stat: os.stat_result) -> DigestError:
    """Neither file nor directory."""
    kinds = {
        modes.S_IFIFO: "a named pipe",
        modes.S_IFSOCK: "a socket",
        modes.S_IFCHR: "a device",
        modes.S_IFBLK: "a device",
    }
    kind = kinds.get(modes.S_IFMT(stat.st_mode), "no regular file")
    return cannot_hash(
        path, f"it is {kind}", "Declare it with pipe() or service(), or leave it out."
    )


def changed(path: bytes) -> DigestError:
    """It never held still."""
    return cannot_hash(
        path, "it changed while being read", "Make sure that nothing writes to it any more."
    )


def cannot_hash(path: bytes, reason: str, remedy: str | None) -> DigestError:
    """The error that names the path, whatever bytes it has."""
    return DigestError(f"Cannot hash {os.fsdecode(path)!r}: {reason}.", remedy=remedy)
