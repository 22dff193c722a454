"""Paths in messages."""

from __future__ import annotations

import os
from collections.abc import Sequence

_MOST = 10


def name_paths(paths: Sequence[bytes]) -> str:
    """The first few, quoted so that no name can break the line."""
    named = ", ".join(repr(os.fsdecode(path)) for path in paths[:_MOST])
    return f"{named} and {len(paths) - _MOST} others" if len(paths) > _MOST else named
