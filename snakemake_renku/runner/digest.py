"""SHA-256 digests of files and directories.

A file's digest is ``sha256:<hex>``, the SHA-256 (FIPS 180-4) of its bytes.

A directory's digest is ``sha256-tree:<hex>``, the SHA-256 of a listing that depends on the names,
contents, link targets and executable bits below the directory, and on nothing else (neither times,
owners, other permissions, nor the directory's own name or place). The listing is, in this order:

1. the 15 bytes ``renku-sha256-t1`` (ASCII);
2. one record for each entry below the directory at any depth, without the directory itself, sorted
   by the entry's path: relative to the directory, components joined by ``/``, no leading or
   trailing ``/``, compared as raw bytes (as ``memcmp`` does; a prefix comes first).

A record is ``type · len(path) · path · content``, where ``len`` is an unsigned 64-bit integer, most
significant byte first, and

====  =============================================  ===============================
type  entry                                          content
====  =============================================  ===============================
F     regular file, not executable by its owner      SHA-256 of its bytes (32 bytes)
X     regular file, executable by its owner (0o100)  SHA-256 of its bytes (32 bytes)
L     symbolic link, never followed                  ``len(target) · target``
D     directory, empty or not                        nothing
====  =============================================  ===============================

Names and targets are the raw bytes of the file system. A regular file ``.snakemake_timestamp``
directly in the directory is left out, since Snakemake writes it into ``directory()`` outputs.
Sockets, named pipes and devices are refused. A directory that is itself reached through a link is
followed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat as modes
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from snakemake_renku.errors import DigestError
from snakemake_renku.model.files import FileKind, FileRef, FileSpec, Role
from snakemake_renku.runner.digest_cache import DigestCache, settle, signature

AnyPath = str | bytes | os.PathLike[str]

_TREE_HEADER = b"renku-sha256-t1"
_TIMESTAMP = b".snakemake_timestamp"
_TREE_KINDS = (modes.S_IFREG, modes.S_IFDIR, modes.S_IFLNK)

_RETRIES = 3
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


class Found(NamedTuple):
    """What stands at a path: ``size`` in bytes, ``mtime`` in seconds since the epoch.

    A directory's size is the sum over its files. All but ``kind`` are None where nothing stands.
    """

    kind: FileKind
    digest: str | None = None
    size: int | None = None
    mtime: float | None = None


MISSING = Found("missing")


class _File(NamedTuple):
    path: bytes
    stat: os.stat_result


class _Hashed(NamedTuple):
    digest: bytes
    size: int
    stat: os.stat_result
    began_ns: int


class _Entry(NamedTuple):
    name: bytes
    file: _File


class _Changed(Exception):
    pass


def digest_file(path: AnyPath) -> str:
    """``sha256:<hex>`` of a file, links followed.

    Raises :class:`DigestError` if it cannot be read, is no regular file, or keeps changing.
    """
    name = os.fsencode(path)
    return _file_digest(_hash_steadily(_File(name, _stat(name)), settled=False).digest)


def digest_tree(
    path: AnyPath, *, cache: DigestCache | None = None, threads: int | None = None
) -> str:
    """``sha256-tree:<hex>`` of a directory by the rule of this module.

    Raises :class:`DigestError` if part of it cannot be read or is neither file, link nor directory,
    or if it keeps changing.
    """
    top = os.fsencode(path)
    if not modes.S_ISDIR(_stat(top).st_mode):
        raise _error(top, "it is not a directory", "Use the digest of a file instead.")
    return _tree(top, cache, threads)[0]


def digest_paths(
    paths: Sequence[AnyPath], cache: DigestCache | None = None, threads: int | None = None
) -> list[Found]:
    """What stands at each path, links followed, hashed by up to ``threads`` threads.

    None for ``threads`` means one for each core that this process may use, eight at most. Small
    files are hashed by the calling thread. Raises :class:`DigestError` as the other functions here
    do, except for what is missing.
    """
    names = [os.fsencode(path) for path in paths]
    found = dict.fromkeys(names, MISSING)
    files: list[_File] = []
    folders: list[_File] = []
    for name in found:
        stat = _stat_if_there(name)
        if stat is not None:
            (folders if modes.S_ISDIR(stat.st_mode) else files).append(_File(name, stat))
    for file, hashed in zip(files, _digest_files(files, cache, threads), strict=True):
        found[file.path] = _found_file(hashed)
    for folder in folders:
        found[folder.path] = _found_directory(folder, cache, threads)
    return [found[name] for name in names]


def has_content(spec: FileSpec) -> bool:
    """Whether there is something to hash: pipes and services have no content of their own."""
    return _stream_kind(spec) is None


def file_ref(spec: FileSpec, role: Role, found: Found | None = None) -> FileRef:
    """A declared path and what was found there; pipes and services need nothing found."""
    kind = _stream_kind(spec)
    if kind is not None:
        return FileRef(path=spec.path, role=role, kind=kind, name=spec.name)
    return FileRef(spec.path, role, *(found or MISSING), spec.name)


def file_refs(
    specs: Sequence[FileSpec],
    role: Role,
    cache: DigestCache | None = None,
    threads: int | None = None,
) -> tuple[FileRef, ...]:
    """The declared paths as they are on disk; raises as :func:`digest_paths` does."""
    found = iter(digest_paths([spec.path for spec in specs if has_content(spec)], cache, threads))
    return tuple(file_ref(spec, role, next(found) if has_content(spec) else None) for spec in specs)


def _stream_kind(spec: FileSpec) -> FileKind | None:
    if "pipe" in spec.flags:
        return "pipe"
    return "service" if "service" in spec.flags else None


def _found_file(hashed: _Hashed) -> Found:
    return Found("file", _file_digest(hashed.digest), hashed.size, hashed.stat.st_mtime)


def _found_directory(folder: _File, cache: DigestCache | None, threads: int | None) -> Found:
    digest, size = _tree(folder.path, cache, threads)
    return Found("directory", digest, size, folder.stat.st_mtime)


def _file_digest(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


# Many files


def _digest_files(
    files: Sequence[_File], cache: DigestCache | None, threads: int | None
) -> list[_Hashed]:
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
        next(rest) if digest is None else _Hashed(digest, file.stat.st_size, file.stat, 0)
        for digest, file in zip(known, files, strict=True)
    ]


def _absolute(files: Sequence[_File]) -> list[bytes]:
    if all(file.path.startswith(b"/") for file in files):
        return [file.path for file in files]
    here = os.getcwdb()
    return [os.path.join(here, file.path) for file in files]


def _hash_all(files: Sequence[_File], threads: int | None, *, settled: bool) -> list[_Hashed]:
    large = [file for file in files if file.stat.st_size >= _THREAD_WORTH]
    workers = min(len(large), threads or min(8, len(os.sched_getaffinity(0))))
    if workers < 2 or sum(file.stat.st_size for file in large) < _POOL_WORTH:
        return [_hash_steadily(file, settled) for file in files]
    return _hash_in_pool(files, workers, settled)


def _hash_in_pool(files: Sequence[_File], workers: int, settled: bool) -> list[_Hashed]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="digest")
    try:
        futures = {
            file.path: pool.submit(_hash_steadily, file, settled)
            for file in sorted(files, key=lambda file: -file.stat.st_size)
            if file.stat.st_size >= _THREAD_WORTH
        }
        small = {
            file.path: _hash_steadily(file, settled) for file in files if file.path not in futures
        }
        return [small.get(file.path) or futures[file.path].result() for file in files]
    finally:
        pool.shutdown(cancel_futures=True)


# One file


def _hash_steadily(file: _File, settled: bool) -> _Hashed:
    path, before = file
    for _ in range(1 + _RETRIES):
        if settled:
            settle(before)
        began_ns = time.time_ns()
        digest, size = _hash_once(path, before)
        after = _stat(path)
        if signature(before) == signature(after):
            return _Hashed(digest, size, after, began_ns)
        before = after
    raise _changed(path)


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
        raise _unreadable(path, error) from error


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


def _stat(path: bytes) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _stat_if_there(path: bytes) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            return None
        raise _unreadable(path, error) from error


def _require_regular(path: bytes, stat: os.stat_result) -> None:
    if modes.S_ISREG(stat.st_mode):
        return
    if modes.S_ISDIR(stat.st_mode):
        raise _error(path, "it is a directory", "Use the digest of a tree instead.")
    raise _refused(path, stat)


# Directories


def _tree(top: bytes, cache: DigestCache | None, threads: int | None) -> tuple[str, int]:
    for _ in range(1 + _RETRIES):
        try:
            return _tree_once(top, cache, threads)
        except _Changed:
            continue
    raise _changed(top)


def _tree_once(top: bytes, cache: DigestCache | None, threads: int | None) -> tuple[str, int]:
    before = signature(_stat(top))
    entries = sorted(_walk(top), key=lambda entry: entry.name)
    files = [entry.file for entry in entries if modes.S_ISREG(entry.file.stat.st_mode)]
    hashed = _digest_files(files, cache, threads)
    listing = hashlib.sha256(_TREE_HEADER)
    rest = iter(hashed)
    for entry in entries:
        listing.update(_record(entry, rest))
    if before != signature(_stat(top)) or any(map(_directory_changed, entries)):
        raise _Changed
    return f"sha256-tree:{listing.hexdigest()}", sum(one.size for one in hashed)


def _walk(top: bytes) -> Iterator[_Entry]:
    folders = [(top, b"")]
    while folders:
        folder, prefix = folders.pop()
        for entry in _list(folder, prefix):
            mode = entry.file.stat.st_mode
            if modes.S_IFMT(mode) not in _TREE_KINDS:
                raise _refused(*entry.file)
            if prefix or entry.name != _TIMESTAMP or not modes.S_ISREG(mode):
                yield entry
            if modes.S_ISDIR(mode):
                folders.append((entry.file.path, entry.name + b"/"))


def _list(folder: bytes, prefix: bytes) -> list[_Entry]:
    try:
        with os.scandir(folder) as found:
            return [
                _Entry(prefix + one.name, _File(one.path, one.stat(follow_symlinks=False)))
                for one in found
            ]
    except OSError as error:
        raise _unreadable(folder, error) from error


def _record(entry: _Entry, hashed: Iterator[_Hashed]) -> bytes:
    name, (path, stat) = entry
    named = _sized(name)
    if modes.S_ISREG(stat.st_mode):
        one = next(hashed)
        return (b"X" if one.stat.st_mode & 0o100 else b"F") + named + one.digest
    if modes.S_ISDIR(stat.st_mode):
        return b"D" + named
    return b"L" + named + _sized(_link_target(path))


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


def _link_target(path: bytes) -> bytes:
    try:
        return os.readlink(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _directory_changed(entry: _Entry) -> bool:
    path, stat = entry.file
    return modes.S_ISDIR(stat.st_mode) and signature(stat) != signature(_stat(path))


# Errors


def _unreadable(path: bytes, error: OSError | ValueError) -> DigestError:
    if not isinstance(error, OSError):
        return _error(path, str(error), None)
    if error.errno in _GONE:
        return _error(path, "it is not there, or not any more", _REMEDIES[errno.ENOENT])
    reason = error.strerror or str(error)
    return _error(path, reason[:1].lower() + reason[1:], _REMEDIES.get(error.errno or 0))


def _refused(path: bytes, stat: os.stat_result) -> DigestError:
    kinds = {
        modes.S_IFIFO: "a named pipe",
        modes.S_IFSOCK: "a socket",
        modes.S_IFCHR: "a device",
        modes.S_IFBLK: "a device",
    }
    kind = kinds.get(modes.S_IFMT(stat.st_mode), "no regular file")
    return _error(path, f"it is {kind}", "Declare it with pipe() or service(), or leave it out.")


def _changed(path: bytes) -> DigestError:
    return _error(
        path, "it changed while being read", "Make sure that nothing writes to it any more."
    )


def _error(path: bytes, reason: str, remedy: str | None) -> DigestError:
    return DigestError(f"Cannot hash {os.fsdecode(path)!r}: {reason}.", remedy=remedy)
