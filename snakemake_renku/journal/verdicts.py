"""Verdicts that were kept: one JSON file for each replay, beside the recorded journals."""

from __future__ import annotations

from pathlib import Path

import msgspec

from snakemake_renku.errors import JournalError
from snakemake_renku.journal.index import VERDICTS
from snakemake_renku.model import Verdict

_decoder = msgspec.json.Decoder(Verdict)


def verdict_paths(workdir: Path) -> list[Path]:
    """The verdicts kept below ``workdir``, oldest first."""
    found = (workdir / VERDICTS).glob("*.json")
    return sorted(path for path in found if not path.name.endswith(".prov.json"))


def read_verdict(path: Path) -> Verdict:
    """Read a verdict.

    Raises:
        JournalError: it cannot be read, or is none.
    """
    try:
        return _decoder.decode(path.read_bytes())
    except OSError as error:
        raise JournalError(f"Cannot read the verdict {path}: {error.strerror}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalError(f"{path} is not a verdict: {error}.") from error


def verdicts_on(workdir: Path, run: str) -> list[Verdict]:
    """The verdicts kept below ``workdir`` on jobs of ``run``, oldest first."""
    return [v for v in map(read_verdict, verdict_paths(workdir)) if run in v.runs]


def encode_verdict(verdict: Verdict) -> bytes:
    """A verdict as it is kept: JSON, indented, the same bytes for the same verdict."""
    return msgspec.json.format(msgspec.json.encode(verdict, order="sorted"), indent=1) + b"\n"
