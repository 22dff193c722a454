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
from snakemake_renku.model.run import (
    GitState,
    RunEnd,
    RunInfo,
    RunStatus,
    Software,
    SourceFile,
    WorkflowOptions,
)
from snakemake_renku.model.verdict import (
    Difference,
    Finding,
    JobVerdict,
    Outcome,
    OutputVerdict,
    Place,
    Tolerance,
    Verdict,
    worst,
)

__all__ = [
    "Difference",
    "Environment",
    "Failure",
    "FailureKind",
    "FileKind",
    "FileRef",
    "FileSpec",
    "Finding",
    "GitState",
    "JobRecord",
    "JobSpec",
    "JobVerdict",
    "Mode",
    "Outcome",
    "OutputVerdict",
    "Place",
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
    "Tolerance",
    "Usage",
    "Verdict",
    "WorkflowOptions",
    "worst",
]
