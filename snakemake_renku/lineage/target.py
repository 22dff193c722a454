"""Which version of which file a question is about."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.errors import DigestError, NoSuchRun
from snakemake_renku.journal.write import RUNS
from snakemake_renku.lineage.annex import Key, key, key_at
from snakemake_renku.lineage.folders import look_at_folder
from snakemake_renku.lineage.graph import Found
from snakemake_renku.lineage.records import Made, Records
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import DigestCache

CACHE = RUNS.parent
"""The folder of the cache of digests, below a working directory."""

_DIGEST = re.compile(r"(?:(?P<kind>sha256|sha256-tree):)?(?P<hex>[0-9a-f]{8,64})")
_SHORT = 12


class Target(NamedTuple):
    """A recorded version: ``made`` is the job (its maker, or else a reader) that knows of it."""

    path: str
    made: Made
    is_made: bool
    found: Found
    message: str


def find_target(records: Records, name: str, run: str | None = None) -> Target:
    """The version that ``name`` (a path, a digest, its beginning, or a key of git-annex) means.

    Of a path it is the version that is there now, if a job made or read that one; else the last
    recorded one, and the message says so. With ``run``, it is the last that this run made or read.

    Raises:
        NoSuchRun: nothing recorded is called so, or several things are.
    """
    path = recorded_path(records, name)
    known = records.makers(path) or records.readers(path)
    digest = None if known or os.path.lexists(_absolute(records, path)) else _digest(records, name)
    if digest is not None:
        return _by_digest(records, digest, run)
    candidates = [*_versions(records, path, run)]
    if not candidates:
        raise _unknown(records, name, path, run)
    if run is not None:
        return _target(path, _last(candidates), "unknown", "")
    return _by_state(records, path, candidates)


def recorded_path(records: Records, name: str) -> str:
    """A path, given relative to here or to the working directory, as the records have it.

    That is relative to the working directory, or in full for what lies outside of it. A link in
    its last component is not followed. What is not recorded is taken to be in that directory.
    """
    root = os.path.abspath(records.workdir)
    inside = _relative(os.path.abspath(os.path.join(root, name)), root)
    here = _relative(os.path.abspath(name), root)
    forms = [here] if os.path.lexists(name) else []
    for path in (*forms, inside):
        for form in (path, os.path.relpath(path, root) if os.path.isabs(path) else path):
            if records.makers(form) or records.readers(form):
                return form
    return here if forms and not os.path.isabs(here) else inside


def _relative(path: str, root: str) -> str:
    if _inside(path, root):
        return os.path.relpath(path, root)
    # The folder may have been reached through a link.
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    real_root = os.path.realpath(root)
    return os.path.relpath(real, real_root) if _inside(real, real_root) else path


def digest_here(workdir: Path, path: str) -> str | None:
    """The digest of what stands at ``path`` now; None if it cannot be had."""
    folder = workdir / CACHE
    cache = DigestCache(folder) if folder.is_dir() else None
    absolute = os.path.join(os.path.abspath(workdir), path)
    try:
        if os.path.isdir(absolute):
            return look_at_folder(absolute, cache).digest
        return digest_paths([absolute], cache)[0].digest
    except DigestError:
        return None
    finally:
        if cache is not None:
            cache.flush()


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _absolute(records: Records, path: str) -> str:
    return os.path.join(os.path.abspath(records.workdir), path)


# By path


class _Version(NamedTuple):
    made: Made
    is_made: bool


def _versions(records: Records, path: str, run: str | None) -> list[_Version]:
    """The recorded versions of ``path``, what was read or made last standing last."""
    found = [_Version(made, True) for made in records.makers(path)]
    found += [_Version(made, False) for made in records.readers(path)]
    if not found:
        found = [_Version(made, True) for made in records.folder_makers(path)]
    if run is not None:
        found = [each for each in found if each.made.job.run.info.run == run]
    return sorted(found, key=lambda each: when(each.made, is_made=each.is_made))


def when(made: Made, *, is_made: bool) -> float:
    """When a version was seen: at the end of its maker, or at the start of its reader."""
    record = made.job.record
    return record.finished if is_made else record.started


def _target(path: str, version: _Version, found: Found, message: str) -> Target:
    return Target(path, version.made, version.is_made, found, message)


def _by_state(records: Records, path: str, versions: list[_Version]) -> Target:
    last = _last(versions)
    absolute = _absolute(records, path)
    if last.made.seen.path != path:
        note = f"Of the folder {last.made.seen.path} only a digest over all of it is recorded."
        return _target(path, last, "unknown", note)
    annexed = key_at(absolute)
    if not os.path.exists(absolute) or (annexed is not None and not os.path.islink(absolute)):
        return _absent(path, versions, annexed)
    digest = digest_here(records.workdir, path)
    if digest is None:
        return _target(path, last, "unknown", "What is there cannot be read.")
    match = _matching(versions, digest)
    if match is not None:
        return _target(path, match, "recorded", _superseded(match, last))
    return _target(
        path,
        last,
        "edited",
        f"What is at {path} now ({digest}) is not what any recorded job made or read there:"
        f" it was changed since. Shown is the last recorded version ({last.made.seen.ref.digest}).",
    )


def _absent(path: str, versions: list[_Version], annexed: Key | None) -> Target:
    last = _last(versions)
    if annexed is None:
        return _target(path, last, "missing", "It is not there now; shown is its last version.")
    if annexed.digest is None:
        note = (
            f"Its content is not here, and its key ({annexed.text}) holds no SHA-256; shown is its"
        )
        return _target(path, last, "unknown", f"{note} last recorded version.")
    match = _matching(versions, annexed.digest)
    if match is not None:
        note = "Its content is not here; git-annex tells by its key which version belongs there."
        return _target(path, match, "elsewhere", f"{note} {_superseded(match, last)}".rstrip())
    return _target(
        path,
        last,
        "edited",
        f"What git-annex says belongs at {path} ({annexed.digest}) is not what any recorded job"
        f" made or read there. Shown is the last recorded version ({last.made.seen.ref.digest}).",
    )


def _matching(versions: list[_Version], digest: str) -> _Version | None:
    same = [each for each in versions if each.made.seen.ref.digest == digest]
    made = [each for each in same if each.is_made]
    return (made or same)[-1] if same else None


def _last(versions: list[_Version]) -> _Version:
    """The last version, as it was made rather than as it was read."""
    digest = versions[-1].made.seen.ref.digest
    same = _matching(versions, digest) if digest is not None else None
    return same or versions[-1]


def _superseded(match: _Version, last: _Version) -> str:
    if match.made.seen.ref.digest == last.made.seen.ref.digest:
        return ""
    return "This is an older version: a later one is recorded, but is not what is there now."


# By digest


def _digest(records: Records, name: str) -> str | None:
    annexed = key(name)
    if annexed is not None and annexed.digest is not None:
        return annexed.digest
    match = _DIGEST.fullmatch(name)
    if match is None:
        return None
    kinds = (match["kind"],) if match["kind"] else ("sha256", "sha256-tree")
    prefixes = tuple(f"{kind}:{match['hex']}" for kind in kinds)
    found = [digest for digest in records.digests() if digest.startswith(prefixes)]
    if len(found) > 1:
        shown = ", ".join(sorted(found)[:4])
        raise NoSuchRun(f"{name!r} begins several digests: {shown}.", remedy="Give more of it.")
    return found[0] if found else None


def _by_digest(records: Records, digest: str, run: str | None) -> Target:
    versions = [_Version(made, True) for made in records.made_as(digest)]
    versions = versions or [_Version(made, False) for made in records.read_as(digest)]
    if run is not None:
        versions = [each for each in versions if each.made.job.run.info.run == run]
    if not versions:
        raise NoSuchRun(f"No recorded job made or read {digest}.", remedy=_remedy(records, run))
    last = _last(versions)
    others = sorted({each.made.seen.path for each in versions} - {last.made.seen.path})
    note = f"The same content is also recorded as {', '.join(others[:5])}." if others else ""
    return _target(last.made.seen.path, last, "unknown", note)


def _unknown(records: Records, name: str, path: str, run: str | None) -> NoSuchRun:
    inside = next(iter(records.below(path)), None)
    if inside is not None:
        return NoSuchRun(
            f"{name!r} is a folder that no recorded job made as one.",
            remedy=f"Ask for a file in it, such as {inside}.",
        )
    where = f"in run {run}" if run is not None else "here"
    return NoSuchRun(
        f"{name!r} is neither a file that a job recorded {where} made or read, nor its digest.",
        remedy=_remedy(records, run),
    )


def _remedy(records: Records, run: str | None) -> str:
    if not records.runs:
        return "No run is recorded here; run Snakemake with --executor renku, or see --directory."
    if run is not None:
        return "Without --run, all recorded runs are searched."
    return "`snakemake-renku log latest` lists the jobs, and `show` what each of them made."
