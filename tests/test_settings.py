from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.errors import SettingsError
from snakemake_renku.settings import Settings, load_settings


def declare(folder: Path, text: str) -> Path:
    (folder / "renku.toml").write_text(text)
    return folder


def test_without_a_word_jobs_run_here_in_the_cheapest_way_and_are_not_stopped(
    tmp_path: Path,
) -> None:
    assert load_settings(tmp_path) == Settings(backend="local", start="auto", enforce=False)


@pytest.mark.parametrize("text", ["", "[executor]\n"])
def test_an_empty_file_declares_nothing(tmp_path: Path, text: str) -> None:
    assert load_settings(declare(tmp_path, text)) == Settings()


def test_the_file_goes_before_the_defaults(tmp_path: Path) -> None:
    declare(tmp_path, '[executor]\nbackend = "local"\nstart = "cold"\nenforce = true\n')
    assert load_settings(tmp_path) == Settings("local", "cold", True)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    declare(tmp_path, '[executor]\nstart = "cold"\nenforce = false\n')
    assert load_settings(tmp_path, start="warm", enforce=True) == Settings("local", "warm", True)


def test_a_flag_that_was_not_given_leaves_the_file_its_say(tmp_path: Path) -> None:
    declare(tmp_path, "[executor]\nenforce = true\n")
    assert load_settings(tmp_path, enforce=False).enforce
    assert load_settings(tmp_path, enforce=None).enforce


def test_a_file_may_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").write_bytes('# Käse\n[executor]\nstart = "warm"\n'.encode())
    assert load_settings(tmp_path).start == "warm"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[executor\n", "malformed"),
        ("[executer]\n", "executer"),
        ('[executor]\nstrat = "warm"\n', "strat"),
        ("[executor]\nenforce = 1\n", "executor.enforce"),
        ("[executor]\nstart = 1\n", "executor.start"),
        ("executor = 1\n", "executor"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place_and_what_it_may_hold(
    tmp_path: Path, text: str, told: str
) -> None:
    declare(tmp_path, text)
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(tmp_path)
    assert str(tmp_path / "renku.toml") in caught.value.message
    assert "[executor]" in (caught.value.remedy or "")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").write_bytes(b'[executor]\nstart = "w\xe4rm"\n')
    with pytest.raises(SettingsError, match="malformed"):
        load_settings(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").mkdir()
    with pytest.raises(SettingsError, match=r"Cannot read .*renku\.toml: Is a directory"):
        load_settings(tmp_path)


def test_a_value_that_there_is_not_is_refused_with_where_it_stood(tmp_path: Path) -> None:
    declare(tmp_path, '[executor]\nbackend = "cloud"\n')
    with pytest.raises(SettingsError, match=r"'cloud' \(executor\.backend in renku\.toml\)") as e:
        load_settings(tmp_path)
    assert e.value.remedy is not None
    assert "local" in e.value.remedy
    with pytest.raises(SettingsError, match=r"'hot' \(--renku-start\)") as e:
        load_settings(tmp_path, backend="local", start="hot")
    assert e.value.remedy == "There are: auto, warm, cold."
