"""What was found."""

from __future__ import annotations

from typing import Literal

import msgspec

from snakemake_renku.backends.slurm.client import Cluster
from snakemake_renku.backends.slurm.partitions import Choice

Verdict = Literal["ok", "note", "problem"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at: what was found, and what to do about it."""

    name: str
    verdict: Verdict
    words: str
    remedy: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a job saw on its node.

    ``modules`` maps the names of Python packages to their versions, or to what importing them said
    (then it begins with ``!``). ``word`` is what it read from a file of ours, ``inode`` the number
    of that file's folder; ``tmp_free_mb`` is in MB, None if ``tmp`` cannot be written to.
    """

    host: str
    node: str
    python: str
    version: str
    modules: dict[str, str]
    word: str
    inode: int
    tmp: str
    tmp_free_mb: int | None
    container: str | None


class Pace(msgspec.Struct, frozen=True):
    """How files and clocks of node and this machine go together, in seconds.

    ``clock`` is by how much the node's clock is ahead, give or take ``uncertain``; ``to_node`` and
    ``from_node`` how long at most a new file took to be seen on the other side.
    """

    clock: float
    uncertain: float
    to_node: float
    from_node: float


class Trial(msgspec.Struct, frozen=True, omit_defaults=True):
    """The small job: its number, the seconds until it was seen, what it saw, or why it did not.

    ``same_folder``: the folder that it ran in is the one here.
    """

    job: int | None = None
    waited: float = 0.0
    facts: Facts | None = None
    same_folder: bool = False
    pace: Pace | None = None
    failure: str | None = None


class Report(msgspec.Struct, frozen=True):
    """A cluster, where a job would go in it, and all checks."""

    client: str
    why_client: str
    cluster: Cluster
    choice: Choice
    checks: tuple[Check, ...]
    trial: Trial | None

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return all(check.verdict != "problem" for check in self.checks)
