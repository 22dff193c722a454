"""Commands out of which a secret was kept."""

from __future__ import annotations

from pathlib import Path

from snakemake_renku.journal import find_run

from .conftest import Project, replay
from .samples import PASSWORD


def test_a_command_with_a_secret_is_made_anew(project: Project, clone: Path) -> None:
    replayed = replay(project, clone, "secret")
    assert replayed.one("secret").ok
    assert replayed.recorded("secret") == replayed.replayed("secret")


def test_the_journal_of_a_replay_keeps_the_secret_too(project: Project, clone: Path) -> None:
    replayed = replay(project, clone, "secret")
    record = replayed.one("secret").record
    assert record is not None
    assert PASSWORD in record.stderr_tail
    assert PASSWORD not in find_run(clone).read_text()
