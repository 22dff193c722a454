from __future__ import annotations

from pathlib import Path

import pytest

from tests.datalad.lab import Lab, environment


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", environment()["PATH"])


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A dataset with a committed workflow."""
    return Lab(tmp_path / "study")
