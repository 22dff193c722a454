"""The fixtures of the lineage, and a repository in which journals are written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lineage import study
from tests.lineage.conftest import Command, clone, finished_study, here, ledger, renku
from tests.lineage.ledger import Ledger, put

__all__ = ["Command", "clone", "finished_study", "git", "here", "ledger", "renku"]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Journals in a plain git repository with one commit; the current folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    study.sh(folder, "git", "init", "--quiet", "--initial-branch=main")
    put(folder / ".gitignore", ".snakemake/\n")
    put(folder / "data", "1\n")
    study.commit(folder, "Data")
    return Ledger(folder)
