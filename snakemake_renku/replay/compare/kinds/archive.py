"""Archives (zip, tar) and NumPy's ``.npz``: members are matched by name and compared by their kind.

The order of members, times, owners, permissions and compression do not count. Nothing is written
to a place that a member's name could choose.
"""

from __future__ import annotations

from typing import BinaryIO, cast

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.members import Archive, opened
from snakemake_renku.replay.compare.pair import Fit, Pair, same_stream
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.unpacking import copy, scratch

NAME = "archive"
ISOLATED = False
TEXT = False

LAYOUT = "order, times, owners, permissions, comments and compression of the members"


def suits(head: bytes, name: str) -> Fit:
    """By the first bytes (zip), or those at 257 (tar)."""
    zipped = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    return Fit.SURE if zipped or head[257:262] == b"ustar" else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare the members of both."""
    tally = Tally(tolerance)
    numpy = pair.suffix == ".npz"
    with opened(pair.recorded) as recorded, opened(pair.replayed) as replayed:
        for name in (*recorded.types, *(n for n in replayed.types if n not in recorded.types)):
            label = f"array {name.removesuffix('.npy')}" if numpy else name
            types = recorded.types.get(name), replayed.types.get(name)
            if types[0] != types[1]:
                words = ["missing" if type is None else type for type in types]
                tally.differ(label, words, part="#names")
            elif types[0] == "file":
                _member(tally, pair, recorded, replayed, name, label)
    return tally.finding("numpy" if numpy else NAME, LAYOUT)


def _member(
    tally: Tally, pair: Pair, recorded: Archive, replayed: Archive, name: str, label: str
) -> None:
    with recorded.open(name) as one, replayed.open(name) as other:
        if same_stream(cast(BinaryIO, one), cast(BinaryIO, other)):
            tally.values += 1
            return
    with scratch(pair) as targets:
        for archive, target in zip((recorded, replayed), targets, strict=True):
            with archive.open(name) as stream:
                copy(cast(BinaryIO, stream), target, pair.room)
        tally.add(pair.judge(pair.inside(*targets, name), tally.tolerance), label)
