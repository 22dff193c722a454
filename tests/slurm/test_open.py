"""Which client is opened, by what is here."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import pwd
from pathlib import Path

import pytest

from snakemake_renku.backends.slurm.open import open_client, user_of
from snakemake_renku.errors import BackendUnavailable


def token_for(user: str) -> str:
    """A token with the claim that slurmctld writes; nobody has signed it."""
    claims = base64.urlsafe_b64encode(json.dumps({"sun": user}).encode()).decode().rstrip("=")
    return f"x.{claims}.y"


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without Slurm: an empty PATH and no token; the folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_JWT", raising=False)
    return tmp_path


def test_commands_come_first_where_they_are(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JWT", token_for("somebody"))
    assert open_client("auto", "http://127.0.0.1:6820").name == "commands"


def test_rest_is_taken_where_there_are_no_commands(
    nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JWT", token_for("somebody"))
    assert open_client("auto", "http://127.0.0.1:6820").name == "rest"
    assert open_client("rest", "http://127.0.0.1:6820").name == "rest"


@pytest.mark.skipif(
    importlib.util.find_spec("pyslurm") is not None, reason="pyslurm is installed here"
)
def test_without_any_way_the_error_names_all(nothing: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"commands.*rest_url.*pyslurm"):
        open_client("auto", None)
    with pytest.raises(BackendUnavailable, match="pyslurm"):
        open_client("pyslurm", None)


def test_commands_that_are_not_here_are_not_opened(nothing: Path) -> None:
    (nothing / "sbatch").write_text("#!/bin/sh\n")
    (nothing / "sbatch").chmod(0o755)
    with pytest.raises(BackendUnavailable, match="login node"):
        open_client("commands", None)


def test_rest_wants_an_address_and_a_token(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendUnavailable, match="scontrol token"):
        open_client("rest", "http://127.0.0.1:6820")
    monkeypatch.setenv("SLURM_JWT", token_for("somebody"))
    for wanted in ("rest", "auto"):
        with pytest.raises(BackendUnavailable, match="rest_url"):
            open_client(wanted, None)  # type: ignore[arg-type]


def test_the_token_says_whose_jobs_they_are() -> None:
    assert user_of(token_for("sömebody")) == "sömebody"
    me = pwd.getpwuid(os.getuid()).pw_name
    assert user_of("no token") == user_of("a.b!.c") == me


def test_a_real_token_is_for_this_user(token: str) -> None:
    assert user_of(token) == pwd.getpwuid(os.getuid()).pw_name
