"""Digests of jobs' files: small ones at once, large ones in a helper beside the event loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from stat import S_ISDIR, S_ISREG

import msgspec

from snakemake_renku.errors import DigestError
from snakemake_renku.model import FileRef, FileSpec
from snakemake_renku.model.files import FileKind, Role
from snakemake_renku.runner.digest import file_refs, has_content
from snakemake_renku.runner.digest_cache import CacheEntry, DigestCache
from snakemake_renku.runner.helper import Helpers

Found = tuple[tuple[FileRef, ...], ...]
Done = Callable[[Found, DigestError | None], None]

INLINE_BYTES = 2_000_000
"""Up to so many bytes are hashed at once: about 2 ms, less than a fork and its answer cost."""


class _Answer(msgspec.Struct):
    found: tuple[tuple[FileRef, ...], ...] = ()
    entries: tuple[CacheEntry, ...] = ()


class Request(msgspec.Struct, frozen=True):
    """Files of one role, as a step declares them."""

    role: Role
    files: tuple[FileSpec, ...]


class Hashing:
    """Hashes files for jobs, with one cache for all of them."""

    def __init__(self, helpers: Helpers, cache: DigestCache) -> None:
        self._helpers = helpers
        self.cache = cache

    def files(self, requests: Sequence[Request], done: Done) -> None:
        """Give ``done`` what stands at each path of each request, or that hashing broke down."""
        if self._is_quick([spec.path for r in requests for spec in r.files if has_content(spec)]):
            done(_refs(requests, self.cache), None)
            return
        self._helpers.call(
            lambda: _answer(requests, self.cache), lambda data: self._answered(data, done)
        )

    def _answered(self, data: bytes | None, done: Done) -> None:
        if data is None:
            done((), DigestError("The process that hashes files ended before it was done."))
            return
        answer = msgspec.msgpack.decode(data, type=_Answer)
        self.cache.absorb(answer.entries)
        done(answer.found, None)

    def _is_quick(self, paths: Sequence[str]) -> bool:
        unknown: list[tuple[bytes, os.stat_result]] = []
        total = 0
        for path in paths:
            try:
                stat = os.stat(path)
            except OSError:
                continue
            if not S_ISREG(stat.st_mode):
                return False
            total += stat.st_size
            unknown.append((os.fsencode(os.path.abspath(path)), stat))
        if total <= INLINE_BYTES:
            return True
        known = self.cache.lookup(unknown)
        missing = (s.st_size for (_, s), d in zip(unknown, known, strict=True) if d is None)
        return sum(missing) <= INLINE_BYTES


def _refs(requests: Sequence[Request], cache: DigestCache) -> Found:
    return tuple(_refs_of(request, cache) for request in requests)


def _refs_of(request: Request, cache: DigestCache) -> tuple[FileRef, ...]:
    try:
        return file_refs(request.files, request.role, cache)
    except DigestError:
        return tuple(_ref_or_problem(spec, request.role, cache) for spec in request.files)


def _ref_or_problem(spec: FileSpec, role: Role, cache: DigestCache) -> FileRef:
    """A file that cannot be hashed is recorded as such, and does not fail its job."""
    try:
        return file_refs((spec,), role, cache)[0]
    except DigestError as error:
        return FileRef(spec.path, role, _kind(spec.path), name=spec.name, problem=error.message)


def _kind(path: str) -> FileKind:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "missing"
    if S_ISREG(mode):
        return "file"
    return "directory" if S_ISDIR(mode) else "special"


def _answer(requests: Sequence[Request], cache: DigestCache) -> bytes:
    return msgspec.msgpack.encode(_Answer(_refs(requests, cache), tuple(cache.new_entries())))
