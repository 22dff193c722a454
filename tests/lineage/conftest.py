"""A study that was run once for all tests, and a command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.cli import main
from tests.lineage import study
from tests.lineage.ledger import Ledger


@dataclass
class Result:
    """What a command line gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with its three runs, recorded in git; not to be changed.

    Several folders of tests use this fixture, and each would otherwise run the study anew.
    """
    folder = tmp_path_factory.getbasetemp() / "finished-study"
    if not folder.exists():
        folder.mkdir()
        study.make(folder)
        study.change(folder)
        study.use_copy(folder)
        study.record(folder)
    return folder


@pytest.fixture
def here(finished_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study, to be changed; the current folder."""
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def clone(finished_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone of the study, without annexed content; the current folder."""
    folder = tmp_path / "clone"
    study.sh(tmp_path, "git", "clone", "--quiet", str(finished_study), str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Journals in an empty folder, which is no repository; the current folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Ledger(folder)


@pytest.fixture
def renku(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, within this process."""

    def call(*argv: str) -> Result:
        capsys.readouterr()
        status = main(argv)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call
