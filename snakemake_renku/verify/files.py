"""Whether the files here are the versions that were recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.errors import DigestError
from snakemake_renku.lineage.annex import LONGEST_POINTER, Key, key_at
from snakemake_renku.lineage.folders import look_at_folder
from snakemake_renku.lineage.records import Records
from snakemake_renku.runner.digest import Found, digest_paths
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.verify.copies import copies
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import FileState, State
from snakemake_renku.verify.scope import Expected

_WITHOUT_CONTENT = ("pipe", "service", "special", "missing")


class Here(NamedTuple):
    """What stands at a path: its digest, or that nothing is there, or that its content is not.

    ``key`` is that of an annexed file; ``without`` are those of the files of a folder whose content
    is not here; ``problem`` says why it cannot be read.
    """

    digest: str | None = None
    key: Key | None = None
    without: tuple[Key, ...] = ()
    absent: bool = False
    problem: str | None = None


def check_files(
    records: Records,
    expected: Sequence[Expected],
    repository: Repository | None,
    cache: DigestCache | None,
    *,
    fast: bool,
) -> list[FileState]:
    """The state of each file; with ``fast``, a key of git-annex is trusted to name its content."""
    expected = [each for each in expected if each.seen.ref.kind not in _WITHOUT_CONTENT]
    found = look(records.workdir, [each.path for each in expected], cache, fast=fast)
    absent = {here.key.text for here in found if here.absent and here.key is not None}
    absent |= {key.text for here in found for key in here.without}
    known = copies(repository, absent) if repository is not None and absent else {}
    return [_state(records, each, here, known) for each, here in zip(expected, found, strict=True)]


def look(
    workdir: Path, paths: Sequence[str], cache: DigestCache | None, *, fast: bool
) -> list[Here]:
    """What stands at each path; many files are hashed at once, by several threads if large."""
    top = os.path.abspath(workdir)
    absolute = [os.path.join(top, path) for path in paths]
    found: dict[str, Here] = {}
    plain: list[str] = []
    for path in dict.fromkeys(absolute):
        here = _without_hashing(path, fast=fast)
        if here is not None:
            found[path] = here
        elif os.path.isdir(path):
            found[path] = _folder(path, cache)
        else:
            plain.append(path)
    found |= _hashed(plain, cache)
    return [found[path] for path in absolute]


def _without_hashing(path: str, *, fast: bool) -> Here | None:
    """What can be told by a link or a pointer; None for content that is here."""
    is_link = os.path.islink(path)
    if not is_link and not os.path.lexists(path):
        return Here(absent=True)
    if not is_link and (not os.path.isfile(path) or os.path.getsize(path) > LONGEST_POINTER):
        return None
    key = key_at(path)
    if not os.path.exists(path) or (key is not None and not is_link):
        return Here(key=key, absent=True)
    if fast and key is not None and key.digest is not None:
        return Here(key.digest, key)
    return None


def _folder(path: str, cache: DigestCache | None) -> Here:
    try:
        found = look_at_folder(path, cache)
        return Here(found.digest, without=found.absent)
    except DigestError as error:
        return Here(problem=str(error))


def _hashed(paths: Sequence[str], cache: DigestCache | None) -> dict[str, Here]:
    try:
        return dict(zip(paths, map(_here, digest_paths(paths, cache)), strict=True))
    except DigestError as error:
        if len(paths) == 1:
            return {paths[0]: Here(problem=str(error))}
    # One of them cannot be read; halves find it without hashing all of them again.
    middle = len(paths) // 2
    return _hashed(paths[:middle], cache) | _hashed(paths[middle:], cache)


def _here(found: Found) -> Here:
    return Here(found.digest, absent=found.digest is None)


# States


def _state(records: Records, expected: Expected, here: Here, known: dict[str, int]) -> FileState:
    recorded = expected.seen.ref.digest
    state, found, count = _judge(records, expected, here, known)
    return FileState(
        path=expected.path,
        state=state,
        recorded=recorded,
        found=found if found != recorded else None,
        job=expected.job.key,
        made=expected.made,
        copies=count,
        problem=here.problem,
    )


def _judge(
    records: Records, expected: Expected, here: Here, known: dict[str, int]
) -> tuple[State, str | None, int | None]:
    recorded = expected.seen.ref.digest
    if here.problem is not None:
        return "unreadable", None, None
    if here.absent:
        return _judge_absent(records, expected, here, known)
    if recorded is None or here.digest is None:
        return "unknown", here.digest, None
    if recorded != here.digest:
        return _other(records, expected, here.digest), here.digest, None
    if here.without:
        count = min(known.get(key.text, 0) for key in here.without)
        return ("elsewhere" if count else "lost"), recorded, count
    return "ok", recorded, None


def _judge_absent(
    records: Records, expected: Expected, here: Here, known: dict[str, int]
) -> tuple[State, str | None, int | None]:
    if here.key is None:
        return ("temporary" if expected.temporary else "missing"), None, None
    count = known.get(here.key.text, 0)
    recorded = expected.seen.ref.digest
    if here.key.digest is None or recorded is None:
        size = expected.seen.ref.size
        same = here.key.size is None or size is None or here.key.size == size
        return ("unknown" if same and count else "lost" if same else "changed"), None, count
    if here.key.digest != recorded:
        state = _other(records, expected, here.key.digest)
        return state, here.key.digest, count
    return ("elsewhere" if count else "lost"), recorded, count


def _other(records: Records, expected: Expected, digest: str) -> State:
    """``superseded`` where it is what a later job made or read than the one that was asked for."""
    later = any(
        made.seen.ref.digest == digest and made.job.record.finished > expected.time
        for made in records.makers(expected.path)
    ) or any(
        read.seen.ref.digest == digest and read.job.record.started > expected.time
        for read in records.readers(expected.path)
    )
    return "superseded" if later else "changed"
