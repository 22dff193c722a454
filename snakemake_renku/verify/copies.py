"""How many copies of an annexed file there are, by the location logs of git-annex.

They are read from the branch ``git-annex`` and those of its remotes by one process, for
``git annex whereis`` takes a process or an answer for each file, and makes a fresh clone a
repository of its own. Formats: git-annex's pages ``internals`` and ``location_tracking``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snakemake_renku.provenance.git.keys import log_file
from snakemake_renku.verify.repository import Repository

_PRESENT, _DEAD = "1", "X"


def copies(repository: Repository, wanted: Iterable[str]) -> dict[str, int]:
    """The number of repositories (dead ones left out) that have the content of each key."""
    branches = _branches(repository)
    dead = _dead(repository, branches)
    names = {key: log_file(key) for key in wanted}
    logs = _texts(repository, branches, list(names.values()))
    return {
        key: sum(
            state == _PRESENT and uuid not in dead
            for uuid, state in _latest(logs.get(name, ())).items()
        )
        for key, name in names.items()
    }


def _branches(repository: Repository) -> list[str]:
    found = repository.git.ask(
        "for-each-ref", "--format=%(objectname)", "refs/heads/git-annex", "refs/remotes/*/git-annex"
    )
    return [] if found is None else list(dict.fromkeys(found.decode().split()))


def _texts(
    repository: Repository, branches: Sequence[str], names: Sequence[str]
) -> dict[str, list[str]]:
    """The lines of files of the branches, all branches together."""
    objects: dict[str, list[str]] = {}
    for branch in branches:
        tree = repository.tree(branch)
        for name in names:
            if name in tree:
                objects.setdefault(name, []).append(tree[name].object)
    texts = repository.texts([each for some in objects.values() for each in some])
    return {
        name: [line for each in some for line in texts.get(each, "").splitlines()]
        for name, some in objects.items()
    }


def _latest(lines: Iterable[str]) -> dict[str, str]:
    """The last word of each repository: lines are ``<seconds>s <state> <uuid>``, in any order."""
    found: dict[str, tuple[float, str]] = {}
    for line in lines:
        parts = line.split(" ", 2)
        if len(parts) == 3:
            time = _seconds(parts[0])
            if parts[2] not in found or time > found[parts[2]][0]:
                found[parts[2]] = (time, parts[1])
    return {uuid: state for uuid, (_, state) in found.items()}


def _dead(repository: Repository, branches: Sequence[str]) -> set[str]:
    """The repositories declared dead: lines are ``<uuid> <trust> timestamp=<seconds>s``."""
    found: dict[str, tuple[float, str]] = {}
    for line in _texts(repository, branches, ["trust.log"]).get("trust.log", ()):
        parts = line.split(" ")
        if len(parts) >= 2:
            time = _seconds(parts[-1].removeprefix("timestamp="))
            if parts[0] not in found or time >= found[parts[0]][0]:
                found[parts[0]] = (time, parts[1])
    return {uuid for uuid, (_, trust) in found.items() if trust == _DEAD}


def _seconds(text: str) -> float:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return 0.0
