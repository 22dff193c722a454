"""Which files git ignores."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from snakemake_renku.provenance.datalad.committed import Committed
from snakemake_renku.provenance.git.plumbing import Git


def ignored_paths(root: Path, paths: Iterable[str], head: Committed) -> set[str]:
    """Those of ``paths`` (relative to ``root``) that git ignores, in submodules by their own rules.

    What is committed is never ignored.
    """
    by_repository: dict[str, list[str]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        place = head.submodule_of(path) or ""
        by_repository[place].append(path[len(place) + 1 :] if place else path)
    found = set()
    for place, inside in by_repository.items():
        # This command does not know literal paths, and reads more than a name from `:x`.
        git = Git(root / place, GIT_LITERAL_PATHSPECS="0")
        asked = b"".join(b"./" + os.fsencode(path) + b"\0" for path in inside)
        # It ends with an error where nothing is ignored.
        answer = git.ask("check-ignore", "-z", "--stdin", stdin=asked) or b""
        names = (os.fsdecode(name) for name in answer.split(b"\0") if name)
        found |= {os.path.normpath(os.path.join(place, name)) for name in names}
    return found
