from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare import compare

Content = bytes | str | Callable[[Path], object]
"""What a file holds, or what makes it."""


class Compared:
    """Makes a recorded and a replayed file (or folder) of the same name, and compares them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        name: str,
        recorded: Content,
        replayed: Content,
        *,
        relative: float = 1e-6,
        absolute: float = 0.0,
    ) -> Finding:
        paths = [
            self.make(side, name, content)
            for side, content in (("recorded", recorded), ("replayed", replayed))
        ]
        return compare(paths[0], paths[1], Tolerance(relative, absolute), name=f"results/{name}")

    def make(self, side: str, name: str, content: Content) -> Path:
        path = self.folder / side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, newline="")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)
        return path


@pytest.fixture
def compared(tmp_path: Path) -> Compared:
    return Compared(tmp_path)


def told(finding: Finding) -> list[tuple[str, str | None, str | None]]:
    """The differences without amounts."""
    return [(d.where, d.recorded, d.replayed) for d in finding.differences]
