"""What one attempt of a job did."""

from __future__ import annotations

from typing import Literal

import msgspec

from snakemake_renku.model.files import FileRef
from snakemake_renku.model.job import JobSpec, Mode

FailureKind = Literal[
    "error",
    "out_of_memory",
    "timeout",
    "node_lost",
    "preempted",
    "launch_failed",
    "rejected",
    "image_pull",
    "cancelled",
    "missing_output",
]
"""``launch_failed``: the place could not start it; ``rejected``: no place would take it."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt failed: a kind for programs, a message for people."""

    kind: FailureKind
    message: str
    exit_code: int | None = None
    signal: int | None = None


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt used.

    Times in seconds; ``max_rss`` is the largest resident memory of the whole process tree that was
    seen, in bytes, and 0 if the job was over before it could be looked at; ``read_bytes`` and
    ``write_bytes`` are block input and output.
    """

    wall_s: float
    user_s: float
    system_s: float
    max_rss: int
    read_bytes: int = 0
    write_bytes: int = 0


class ResolvedEnvironment(msgspec.Struct, frozen=True, omit_defaults=True):
    """The environment that a step really ran in.

    ``image_digest`` is a registry's manifest digest (``sha256:…``) where ``image_digest_of`` is
    ``manifest``, or the sha256 of an image file where it is ``file``.
    """

    container: str | None = None
    image_digest: str | None = None
    image_digest_of: Literal["manifest", "file", "tree"] | None = None
    conda: str | None = None
    conda_hash: str | None = None
    modules: tuple[str, ...] = ()


class StepFiles(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step read and wrote, as it was found on disk, and the environment it ran in."""

    rule: str
    input: tuple[FileRef, ...] = ()
    output: tuple[FileRef, ...] = ()
    environment: ResolvedEnvironment = ResolvedEnvironment()


class JobRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of one attempt: times (seconds since the epoch), exit, use, and digests.

    ``exceeded`` names the resources (``mem_mb``, ``runtime``) beyond which the job went;
    ``stdout_tail`` and ``stderr_tail`` hold the last lines of what the job printed.
    """

    id: str
    mode: Mode
    started: float
    finished: float
    host: str
    pid: int
    steps: tuple[StepFiles, ...]
    exit_code: int | None = None
    signal: int | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    exceeded: tuple[str, ...] = ()
    stdout_tail: str = ""
    stderr_tail: str = ""

    @classmethod
    def lost(
        cls, spec: JobSpec, message: str, now: float, kind: FailureKind = "node_lost"
    ) -> JobRecord:
        """The record of an attempt of which nothing is known but how it failed."""
        return cls(
            id=spec.id,
            mode=spec.mode,
            started=now,
            finished=now,
            host="",
            pid=0,
            steps=(),
            failure=Failure(kind, message),
        )

    @property
    def ok(self) -> bool:
        """Whether the attempt succeeded."""
        return self.failure is None
