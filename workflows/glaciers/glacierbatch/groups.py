"""Chunks: groups of glaciers that one job takes together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glacierbatch.download import write_whole
from glacierbatch.errors import ConfigError


@dataclass(frozen=True)
class Groups:
    """All glacier ids in the order of the outlines, and the ids of each chunk (by chunk name)."""

    order: tuple[str, ...]
    chunks: Mapping[str, tuple[str, ...]]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        content = {"order": self.order, "chunks": self.chunks}
        write_whole(path, (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def read(cls, path: Path | str) -> "Groups":
        """Read what `write` wrote."""
        content = json.loads(Path(path).read_text())
        return cls(tuple(content["order"]), {name: tuple(ids) for name, ids in content["chunks"].items()})


def form_groups(areas: Mapping[str, float], chunk_size: int) -> Groups:
    """Deal glaciers (id to area) to chunks of at most `chunk_size`, alike in summed area.

    Glaciers are dealt largest first, to and fro, since cost grows with area.
    """
    count = -(-len(areas) // chunk_size)
    order = {rgi_id: place for place, rgi_id in enumerate(areas)}
    hands: list[list[str]] = [[] for _ in range(count)]
    for turn, rgi_id in enumerate(sorted(areas, key=lambda rgi_id: (-areas[rgi_id], rgi_id))):
        round_, seat = divmod(turn, count)
        hands[seat if round_ % 2 == 0 else count - 1 - seat].append(rgi_id)
    digits = max(3, len(str(count - 1)))
    chunks = {f"{i:0{digits}d}": tuple(sorted(hand, key=order.__getitem__)) for i, hand in enumerate(hands)}
    return Groups(tuple(areas), chunks)


def check_selection(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError if a glacier is asked for that the source does not have."""
    unknown = [rgi_id for rgi_id in wanted if rgi_id not in set(known)]
    if unknown:
        raise ConfigError(
            f"config key `glaciers`: given {', '.join(unknown)}, which this source does not have;"
            f" allowed: {', '.join(known)}"
        )
