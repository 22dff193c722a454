"""Messages for wrong configs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import SNAKEFILE, Project

from glacierbatch.config import check_config
from glacierbatch.errors import ConfigError
from glacierbatch.groups import check_selection

SCHEMA = SNAKEFILE.parent / "schemas" / "config.schema.yaml"


def test_the_config_that_comes_with_the_workflow_is_right() -> None:
    check_config(yaml.safe_load((SNAKEFILE.parents[1] / "config" / "config.yaml").read_text()), SCHEMA)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"chunk_size": 0}, r"`chunk_size`: given 0; allowed: integer of at least 1 \(glaciers per job\)"),
        ({"source": "mars"}, r"`source`: given 'mars'; allowed: `oetztal` or `idealised`"),
        ({"chunksize": 2}, r"`chunksize` is unknown; known keys: `chunk_size`, `dask_workers`, `data`"),
        ({"idealised": {"sed": 2}}, r"`idealised.sed` is unknown; known keys: `idealised.count`"),
        ({"glaciers": ["HEF"]}, r"`glaciers.0`: given 'HEF'; allowed: string of the form 'RGI60-11.00897'"),
        ({"glaciers": "RGI60-11.00897"}, r"`glaciers`: given 'RGI60-11.00897'; allowed: array"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config(config, SCHEMA)


def test_texts_from_the_command_line_are_read_as_numbers_and_truth_values() -> None:
    config: dict[str, object] = {"idealised": {"count": "3"}, "keep_glacier_directories": "true"}
    check_config(config, SCHEMA)
    assert config == {"idealised": {"count": 3}, "keep_glacier_directories": True}


def test_all_wrong_keys_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)`chunk_size`.*`source`"):
        check_config({"chunk_size": 0, "source": "mars"}, SCHEMA)


def test_an_unknown_glacier_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"given A-2, which this source does not have; allowed: A-1, B-1"):
        check_selection(["A-1", "A-2"], ["A-1", "B-1"])


def test_snakemake_stops_at_a_wrong_config_with_that_message(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    done = new_project(chunk_size="three").run("--dry-run")
    assert done.returncode != 0
    assert "config key `chunk_size`: given 'three'; allowed: integer of at least 1" in done.stdout
