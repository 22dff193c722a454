"""What a job asks of Slurm, from Snakemake's resources.

The names and their meaning are those of snakemake-executor-plugin-slurm 2.8.0; where Slurm can do
more (several GRES, ``exclusive``, …), so can these. ``docs/slurm-resources.md`` has them all.
"""

from __future__ import annotations

import re
from math import ceil

from snakemake_renku.backends.slurm.client import Request
from snakemake_renku.backends.slurm.extra import extra_options
from snakemake_renku.errors import SettingsError
from snakemake_renku.model import JobSpec

_GRES = re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_.-]+)?(:\d+[KMGTP]?)?")
_MODEL = re.compile(r"[A-Za-z0-9_.-]+")
_GPUS = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*:)?\d+(,[A-Za-z][A-Za-z0-9_.-]*:\d+)*")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def request_of(spec: JobSpec, *, margin_mb: int = 0) -> Request:
    """What ``spec`` asks of Slurm.

    0, a negative number and an empty string count as not given. ``margin_mb`` (MiB) is what our own
    processes need: it is added to the memory of a node, or spread over the cores or GPUs where the
    memory is given for each of those; a job without a request for memory gets none.

    Raises:
        SettingsError: a resource has a value that makes no sense, or contradicts another.
    """
    return _Resources(spec).request(margin_mb)


class _Resources:
    """The resources of one job, read one by one."""

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._given = spec.resources

    def request(self, margin_mb: int) -> Request:
        gres, gpus = self._gres(), self._gpus()
        by_gres = bool(gpus_asked(gres, None))
        with_gpu = gpus is not None or by_gres
        if gpus is not None and by_gres:
            raise self._error(
                "asks for GPUs both by gpu and by gres",
                "Keep one of them: gpu (with gpu_model), or gres.",
            )
        tasks, per_node = self._number("tasks"), self._number("tasks_per_node")
        per_gpu = self._number("tasks_per_gpu")
        mpi = self._given.get("mpi") not in (None, 0, "")
        if mpi and tasks is None and per_node is None and per_gpu is None:
            raise self._error(
                "has mpi, but does not say how many tasks",
                "Give the rule the resource tasks or tasks_per_node.",
            )
        if with_gpu and not mpi and per_gpu is None:
            tasks, per_gpu = None, tasks
        by_task = self._given.get("cpus_per_task") not in (None, 0)
        cpus_per_gpu = self._number("cpus_per_gpu") if with_gpu and not by_task else None
        cpus = self._cpus(with_gpu, cpus_per_gpu)
        mem, mem_per_cpu, mem_per_gpu = self._memory(margin_mb, cpus, gpus_asked(gres, gpus))
        return Request(
            cpus=cpus,
            mem_mb=mem,
            mem_mb_per_cpu=mem_per_cpu,
            mem_mb_per_gpu=mem_per_gpu,
            time_min=self._number("runtime"),
            tmp_mb=self._number("disk_mb"),
            nodes=self._number("nodes"),
            tasks=tasks,
            tasks_per_node=per_node,
            tasks_per_gpu=per_gpu,
            gres=gres,
            gpus=gpus,
            cpus_per_gpu=cpus_per_gpu,
            constraint=self._text("constraint"),
            partition=self._text("slurm_partition"),
            account=self._account(),
            qos=self._text("qos"),
            reservation=self._text("reservation"),
            clusters=self._text("clusters", "cluster", "slurm_cluster"),
            exclusive=bool(self._flag("exclusive")),
            requeue=self._flag("requeue"),
            extra=extra_options(self._text("slurm_extra") or "", self._spec.rule),
        )

    def _cpus(self, with_gpu: bool, cpus_per_gpu: int | None) -> int:
        """Cores of a task; 0 where the GPUs, or (by -1) the cluster, decide on them."""
        if cpus_per_gpu is not None or self._negative("cpus_per_task"):
            return 0
        if with_gpu and self._negative("cpus_per_gpu") and not self._number("cpus_per_task"):
            return 0
        return self._number("cpus_per_task") or max(1, self._spec.threads)

    def _memory(
        self, margin_mb: int, cpus: int, gpus: dict[str, int]
    ) -> tuple[int | None, int | None, int | None]:
        """Memory of a node, of each core, and of each GPU."""
        core, gpu = self._number("mem_mb_per_cpu"), self._number("mem_mb_per_gpu")
        if core is not None and gpu is not None:
            raise self._error(
                "asks for memory both by mem_mb_per_cpu and by mem_mb_per_gpu", "Keep one of them."
            )
        # `mem_mb` may be a default of the profile; what is said beside it is more particular.
        node = self._number("mem_mb") if core is None and gpu is None else None
        if node is not None:
            node += margin_mb
        if core is not None:
            core += ceil(margin_mb / max(1, cpus))
        if gpu is not None:
            gpu += ceil(margin_mb / max(1, sum(gpus.values())))
        return node, core, gpu

    def _gpus(self) -> str | None:
        """GPUs as Slurm takes them: ``2`` or ``a100:2``."""
        model = self._text("gpu_model")
        if model is not None and not _MODEL.fullmatch(model):
            raise self._wrong("gpu_model", model, "Write the name alone, as a100.")
        gpu, gpus = self._number("gpu"), self._text("gpus")
        gpus = None if gpus is not None and _not_given(gpus) else gpus
        if gpu is not None and gpus is not None and str(gpu) != gpus:
            raise self._error(f"asks for gpu={gpu} and for gpus={gpus}", "Keep one of them.")
        if gpus is not None and not _GPUS.fullmatch(gpus):
            raise self._wrong("gpus", gpus, "Write a number or TYPE:NUMBER, as a100:2.")
        if model is None:
            return gpus or (None if gpu is None else str(gpu))
        if gpus is not None and ":" in gpus:
            raise self._error("names the type of its GPUs twice", "Keep gpus or gpu_model.")
        if gpu is None and gpus is None and any(self._given.get(n) is not None for n in _GPU):
            return None
        return f"{model}:{gpus or gpu or 1}"

    def _gres(self) -> str | None:
        gres = self._text("gres")
        if gres is None:
            return None
        parts = [part.strip() for part in gres.split(",")]
        if not all(_GRES.fullmatch(part) for part in parts):
            raise self._wrong(
                "gres", gres, "Write NAME, NAME:NUMBER or NAME:TYPE:NUMBER, as gpu:a100:2."
            )
        return ",".join(parts)

    def _account(self) -> str | None:
        account = self._text("slurm_account")
        if account is not None and re.search(r"[,\s]", account):
            raise self._wrong("slurm_account", account, "Name one account: a job has only one.")
        return account

    def _number(self, name: str) -> int | None:
        """A whole number above 0, or None."""
        value = self._given.get(name)
        if value is None or _not_given(value):
            return None
        try:
            return int(value)
        except ValueError:
            raise self._wrong(name, value, "Give a whole number.") from None

    def _negative(self, name: str) -> bool:
        value = str(self._given.get(name, ""))
        return value.startswith("-") and _not_given(value)

    def _text(self, *names: str) -> str | None:
        """The first of these that is given, without blanks around it."""
        found = (str(self._given[name]).strip() for name in names if name in self._given)
        return next((text for text in found if text), None)

    def _flag(self, name: str) -> bool | None:
        text = self._text(name)
        if text is None or text.startswith("-"):
            return None
        if text in ("0", "1"):
            return text == "1"
        if text.lower() not in _WORDS:
            raise self._wrong(name, text, "Give 1 or 0.")
        return _WORDS[text.lower()]

    def _error(self, what: str, remedy: str) -> SettingsError:
        return SettingsError(f"Rule {self._spec.rule} {what}.", remedy=remedy)

    def _wrong(self, name: str, value: object, remedy: str) -> SettingsError:
        return self._error(f"has {name}={value!r}, which Slurm would not understand", remedy)


_GPU = ("gpu", "gpus")


def gres_counts(text: str | None) -> dict[str, int]:
    """How many of each a text like ``gpu:a100:2``, ``a100:2`` or ``2`` asks for, by name."""
    found: dict[str, int] = {}
    for part in (text or "").split(","):
        if not part or part == "none":
            continue
        words = part.split(":")
        count = _count(words[-1])
        name = ":".join(words if count is None else words[:-1])
        found[name] = found.get(name, 0) + (1 if count is None else count)
    return found


def gpus_asked(gres: str | None, gpus: str | None) -> dict[str, int]:
    """How many GPUs of each kind are asked for, by the names of :attr:`Node.gres`."""
    by_gres = {k: n for k, n in gres_counts(gres).items() if k.split(":")[0] == "gpu"}
    return by_gres | {f"gpu:{k}" if k else "gpu": n for k, n in gres_counts(gpus).items()}


def _count(text: str) -> int | None:
    found = re.fullmatch(r"(\d+)([KMGTP]?)", text)
    if found is None:
        return None
    return int(found[1]) << 10 * " KMGTP".index(found[2] or " ")


def _not_given(value: int | str) -> bool:
    try:
        return int(value) <= 0
    except ValueError:
        return not str(value).strip()
