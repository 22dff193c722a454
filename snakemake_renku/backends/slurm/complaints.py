"""What Slurm's commands complain of: whether it may pass, and what the user can do.

The words are those of ``src/common/slurm_errno.c``, alike in Slurm 20 to 26.
"""

from __future__ import annotations

from snakemake_renku.errors import BackendError, SlurmUnavailable, SubmissionRefused

MAY_PASS = (
    "unable to contact slurm controller",
    "connection refused",
    "connection reset",
    "connection timed out",
    "no route to host",
    "socket timed out",
    "timed out",
    "temporarily unable",
    "temporarily unavailable",
    "zero bytes were transmitted",
    "transport endpoint",
    "communication connection failure",
    "in standby mode",
    "controller not responding",
    "munge",
    "unexpected message received",
    "could not establish a configuration source",
    "unable to accept job",
    "maxsubmitjob",
    "maxjobcount",
    "too many open files",
)
"""Parts of messages, in lower case, of what is well again after a while."""

REMEDIES = (
    ("account/partition combination", "Name an account that is yours with slurm_account."),
    ("invalid account", "Name an account that is yours with slurm_account."),
    ("partition", "Name a partition that `sinfo` lists with slurm_partition, or leave it out."),
    ("no cluster", "Name a cluster that `sacctmgr show cluster` lists, or leave `clusters` out."),
    ("invalid feature", "Take a constraint that `sinfo -o %f` lists."),
    ("invalid qos", "Take a qos that your account may use (`sacctmgr show assoc`)."),
    ("reservation", "Take a reservation that `scontrol show reservation` lists."),
    ("generic resource", "Take gres or gpu that `sinfo -o %G` lists."),
    ("gres", "Take gres or gpu that `sinfo -o %G` lists."),
    ("memory specification", "Ask for less memory: mem_mb."),
    ("time limit", "Ask for less time: runtime."),
    ("node configuration", "Ask for less on a node: threads, mem_mb, gpu, nodes."),
    ("accounting/qos policy", "Ask for less, or take another account or qos."),
    ("unrecognized option", "Mend slurm_extra: this Slurm does not know the option."),
    ("invalid option", "Mend slurm_extra: this Slurm does not know the option."),
)

NO_SUCH_JOB = ("invalid job id", "already completing or completed", "not found")


def may_pass(words: str) -> bool:
    """Whether asking again later may help."""
    said = words.lower()
    return any(part in said for part in MAY_PASS)


def complaint(doing: str, words: str) -> BackendError:
    """The error for words that a command other than ``sbatch`` ended with."""
    words = own_words(words)
    if may_pass(words):
        return unavailable(doing, words)
    return BackendError(
        f"Slurm failed to {doing}: {words}.",
        remedy="Try the same command on this host, and ask the cluster's staff if it fails too.",
    )


def unavailable(doing: str, words: str) -> SlurmUnavailable:
    """Slurm does not answer now."""
    return SlurmUnavailable(
        f"Slurm could not {doing}: {words}.",
        remedy="If this lasts, see whether `scontrol ping` answers on this host.",
    )


def refusal(words: str) -> BackendError:
    """The error for words that ``sbatch`` ended with."""
    words = own_words(words)
    if may_pass(words):
        return unavailable("take a job", words)
    said = words.lower()
    remedy = next((text for part, text in REMEDIES if part in said), None)
    return SubmissionRefused(
        f"Slurm does not take the job: {words}.",
        remedy=remedy or "Change what the rule asks for, or ask the cluster's staff.",
    )


def own_words(text: str) -> str:
    """What a command wrote to stderr, on one line, without its own name and repetitions."""
    said: dict[str, None] = {}
    for line in text.splitlines():
        words = line.strip()
        while (head := words.partition(": "))[1] and (
            head[0] in {"error", "fatal", "sbatch", "squeue", "sacct", "scontrol", "scancel"}
        ):
            words = head[2]
        words = words.removeprefix("Batch job submission failed: ").rstrip(".")
        if words:
            said[words] = None
    return "; ".join(said) or "no reason given"
