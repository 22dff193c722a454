"""Plain data: what a job is, and what became of it. No input, no output, no Snakemake."""

from snakemake_renku.model.files import FileKind, FileRef, FileSpec, Role
from snakemake_renku.model.job import Environment, JobSpec, Mode, Step, StepKind
from snakemake_renku.model.record import (
    Failure,
    FailureKind,
    JobRecord,
    ResolvedEnvironment,
    StepFiles,
    Usage,
)
from snakemake_renku.model.run import GitState, RunEnd, RunInfo, RunStatus, Software, SourceFile

__all__ = [
    "Environment",
    "Failure",
    "FailureKind",
    "FileKind",
    "FileRef",
    "FileSpec",
    "GitState",
    "JobRecord",
    "JobSpec",
    "Mode",
    "ResolvedEnvironment",
    "Role",
    "RunEnd",
    "RunInfo",
    "RunStatus",
    "Software",
    "SourceFile",
    "Step",
    "StepFiles",
    "StepKind",
    "Usage",
]
