"""Every error of snakemake-renku, in one tree.

::

    RenkuError                  what was asked, what is wrong, what to do
    ├── SettingsError           renku.toml, a profile or the command line says something impossible
    ├── JournalError            a journal cannot be written or read
    │   └── NoSuchRun           a run or a job that no journal here knows
    ├── BackendError            a place where jobs run cannot be used
    │   ├── BackendUnavailable  it is not here, or lacks something (a container runtime, a cluster)
    │   │   ├── SlurmUnavailable        Slurm does not answer now; it may do so later
    │   │   └── AccountingUnavailable   Slurm stores no ended jobs, or does not tell of them now
    │   ├── SubmissionRefused   Slurm does not take a job as it is
    │   └── RunnerLost          the process beside the jobs ended without being asked to
    ├── WarmStartImpossible     the warm server cannot take this workflow; a cold start can
    ├── DigestError             a file cannot be hashed
    ├── RecordError             a run cannot be recorded in this repository
    │   └── RepositoryBusy      another process writes into it right now
    ├── ExportError             a run cannot be written in another format
    ├── ReplayError             a replay cannot be started
    ├── CompareError            a file cannot be read as what it seems to be
    └── LimitError              a limit on memory or time cannot be set up

Each carries an optional ``remedy``: one sentence that tells the reader what to do next.
"""

from __future__ import annotations


class RenkuError(Exception):
    """The root: a message for a person, and what that person can do about it."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class SettingsError(RenkuError):
    """A setting is unknown, malformed or contradicts another."""


class JournalError(RenkuError):
    """A journal cannot be created, appended to or read."""


class NoSuchRun(JournalError):
    """No journal in this folder knows the run or the job that was asked for."""


class BackendError(RenkuError):
    """A backend cannot do what it was asked."""


class BackendUnavailable(BackendError):
    """A backend, or something that it needs, is not on this machine."""


class SlurmUnavailable(BackendUnavailable):
    """Slurm does not answer, or is too busy to take a job now."""


class AccountingUnavailable(BackendUnavailable):
    """Slurm's accounting is switched off, late, or down."""


class SubmissionRefused(BackendError):
    """Slurm does not take a job as it is; asking again is vain."""


class RunnerLost(BackendError):
    """The process beside the jobs ended without being asked to."""


class WarmStartImpossible(RenkuError):
    """This workflow cannot be run by forking a warm server."""


class DigestError(RenkuError):
    """A file or folder cannot be hashed."""


class RecordError(RenkuError):
    """A run cannot be recorded in this repository as it stands; nothing was changed."""


class RepositoryBusy(RecordError):
    """Another process writes into the repository right now."""


class ExportError(RenkuError):
    """What a journal says cannot be expressed in another format without breaking its rules."""


class ReplayError(RenkuError):
    """A replay cannot be started: what was asked for is not recorded, or cannot be cloned."""


class CompareError(RenkuError):
    """A file cannot be read as what it seems to be."""


class LimitError(RenkuError):
    """A limit on memory or time cannot be set up on this machine."""
