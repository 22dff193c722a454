"""Which kind two files are of, and what is done where they cannot be read as that."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Difference, Finding, Tolerance
from snakemake_renku.replay.compare import worker
from snakemake_renku.replay.compare.kinds import (
    archive,
    dated,
    folder,
    image,
    json_text,
    markup,
    netcdf,
    numpy_array,
    packed,
    plain,
    table,
    text,
    yaml_text,
    zarr_store,
)
from snakemake_renku.replay.compare.pair import Fit, Kind, Pair, head_of, same_bytes
from snakemake_renku.replay.compare.reasons import reason

KINDS: tuple[Kind, ...] = (
    netcdf,
    numpy_array,
    image,
    dated,
    packed,
    zarr_store,
    archive,
    markup,
    json_text,
    yaml_text,
    table,
    text,
    plain,
)
"""Of files, in the order in which they are tried: the content decides before the suffix does."""


def compare(
    recorded: Path, replayed: Path, tolerance: Tolerance, *, name: str | None = None
) -> Finding:
    """Compare two files or two folders; ``name`` is the recorded path, whose suffix may tell.

    ``identical`` means the same bytes; otherwise contents are compared as ``compared_as`` says. A
    file that cannot be read as what it seems to be is compared as something simpler, which
    ``ignored`` says. Raises :class:`CompareError` if one of the two is not there or cannot be read
    at all.
    """
    pair = Pair(Path(recorded), Path(replayed), str(name or Path(recorded).name), compare_pair)
    try:
        return compare_pair(pair, tolerance)
    except OSError as error:
        raise CompareError(
            f"{pair.name} cannot be compared: {error}.",
            remedy="Make sure that both files are here (datalad get) and readable.",
        ) from error


def compare_pair(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare two paths that may lie in an archive or a folder."""
    types = [_type(path) for path in pair.both]
    if types[0] != types[1]:
        return _other_kind(types[0], types[1])
    if types[0] == "folder":
        return _folders(pair, tolerance)
    if types[0] != "file":
        raise CompareError(f"{pair.name} is a {types[0]}, which has no content to compare.")
    if same_bytes(*pair.both):
        return Finding(outcome="identical", compared_as=plain.NAME)
    return _files(pair, tolerance)


def _type(path: Path) -> str:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "socket, pipe or device"


def _folders(pair: Pair, tolerance: Tolerance) -> Finding:
    notes: list[str] = []
    if zarr_store.is_store(pair.recorded) and zarr_store.is_store(pair.replayed):
        if folder.same(pair):
            return Finding(outcome="identical", compared_as=zarr_store.NAME)
        try:
            return _by(zarr_store, pair, tolerance)
        except CompareError as error:
            notes.append(_note(zarr_store, error))
    return _with(folder.compare(pair, tolerance), notes)


def _files(pair: Pair, tolerance: Tolerance) -> Finding:
    heads = head_of(pair.recorded), head_of(pair.replayed)
    fits = [[kind for kind in KINDS if kind.suits(head, pair.name)] for head in heads]
    one, other = fits[0][0], fits[1][0]
    if one is not other and not (one.TEXT and other.TEXT and all(heads)):
        names = (one.NAME if heads[0] else "empty", other.NAME if heads[1] else "empty")
        return _other_kind(*names, plain.compare(pair, tolerance))
    notes: list[str] = []
    for kind in (kind for kind in fits[0] if kind in fits[1] and kind is not plain):
        if notes and kind is not text:  # what is damaged as one thing is not guessed to be another
            continue
        try:
            return _with(_by(kind, pair, tolerance), notes)
        except CompareError as error:
            if min(kind.suits(head, pair.name) for head in heads) == Fit.SURE:
                notes.append(_note(kind, error))
    return _with(plain.compare(pair, tolerance), notes)


def _by(kind: Kind, pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare as one kind; whatever goes wrong in that is a :class:`CompareError`."""
    try:
        if kind.ISOLATED:
            return worker.compare(kind, pair, tolerance)
        return kind.compare(pair, tolerance)
    except CompareError:
        raise
    except Exception as error:  # A reader of foreign files may raise anything.
        raise CompareError(reason(error)) from error


def _note(kind: Kind, error: CompareError) -> str:
    return f"the content as {kind.NAME}: {error.message}"


def _with(finding: Finding, notes: Sequence[str]) -> Finding:
    if not notes:
        return finding
    return msgspec.structs.replace(finding, ignored=(*notes, *finding.ignored))


def _other_kind(recorded: str, replayed: str, found: Finding | None = None) -> Finding:
    kinds = Difference("kind of content", recorded, replayed)
    if found is None:
        return Finding("different", plain.NAME, (kinds,), 1)
    differences = (kinds, *found.differences)
    return msgspec.structs.replace(found, differences=differences, count=found.count + 1)
