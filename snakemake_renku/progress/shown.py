"""What of a run the user wants to see: Snakemake's own switches, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shown:
    """Snakemake's output settings; ``quiet`` holds the names of what to be quiet about."""

    quiet: frozenset[str] = frozenset()
    dryrun: bool = False
    verbose: bool = False
    debug_dag: bool = False
    printshellcmds: bool = False
    failed_logs: bool = False

    @classmethod
    def of(cls, settings: Any) -> Shown:
        """Read Snakemake's output settings, or what stands in for them."""
        return cls(
            quiet=frozenset(quiet_name(item) for item in getattr(settings, "quiet", None) or ()),
            dryrun=bool(getattr(settings, "dryrun", False)),
            verbose=bool(getattr(settings, "verbose", False)),
            debug_dag=bool(getattr(settings, "debug_dag", False)),
            printshellcmds=bool(getattr(settings, "printshellcmds", False)),
            failed_logs=bool(getattr(settings, "show_failed_logs", False)),
        )

    def about(self, name: str) -> bool:
        """Whether to speak of ``name`` (``rules``, ``progress``, ``host``, ``reason``)."""
        return name not in self.quiet and "all" not in self.quiet

    @property
    def silent(self) -> bool:
        """Whether only errors are wanted."""
        return "all" in self.quiet


def quiet_name(item: object) -> str:
    """The name of a member of Snakemake's enumeration ``Quietness``, in lower case."""
    return str(getattr(item, "name", item)).lower()
