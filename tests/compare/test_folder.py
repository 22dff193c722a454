from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.errors import CompareError
from tests.compare.conftest import Compared, told


def folder(files: dict[str, str], links: dict[str, str] | None = None) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(content)
        for name, target in (links or {}).items():
            (path / name).symlink_to(target)

    return make


FILES = {"a.csv": "id,n\nx,1\n", "deep/er/b.txt": "text\n"}


def test_the_same_files_are_identical(compared: Compared) -> None:
    found = compared("out", folder(FILES), folder(FILES))
    assert (found.outcome, found.compared_as) == ("identical", "directory")


def test_files_are_compared_by_their_kind_and_told_by_path(compared: Compared) -> None:
    found = compared(
        "out", folder(FILES), folder({"a.csv": "id,n\nx,2\n", "deep/er/b.txt": "text\r\n"})
    )
    assert (found.outcome, found.compared_as) == ("different", "directory")
    assert told(found) == [("a.csv: line 2 (x), column n", "1", "2")]
    assert found.ignored == ("line endings or a byte order mark (deep/er/b.txt)",)


def test_the_outcome_is_the_worst_of_the_files(compared: Compared) -> None:
    close = {**FILES, "a.csv": "id,n\nx,1.0\n"}
    assert compared("out", folder(FILES), folder(close)).outcome == "equivalent"


def test_files_that_are_missing_or_new_are_told(compared: Compared) -> None:
    found = compared("out", folder({"a": "", "b": ""}), folder({"a": "", "c/d": ""}))
    assert told(found) == [("b", "file", "missing"), ("c", "missing", "folder")]


def test_empty_folders_do_not_count_but_are_named(compared: Compared) -> None:
    def with_empty(path: Path) -> None:
        folder(FILES)(path)
        (path / "empty").mkdir()

    found = compared("out", folder(FILES), with_empty)
    assert (found.outcome, found.ignored) == ("equivalent", ("empty folder (empty)",))


def test_whether_a_file_is_executable_does_not_count_but_is_named(compared: Compared) -> None:
    def executable(path: Path) -> None:
        folder(FILES)(path)
        (path / "a.csv").chmod(0o755)

    found = compared("out", folder(FILES), executable)
    assert (found.outcome, found.ignored) == ("equivalent", ("whether it is executable (a.csv)",))


def test_the_timestamp_of_snakemake_does_not_count(compared: Compared) -> None:
    found = compared("out", folder(FILES), folder({**FILES, ".snakemake_timestamp": ""}))
    assert found.outcome == "identical"


def test_links_are_compared_by_where_they_lead(compared: Compared, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    secret = str(tmp_path / "secret")
    found = compared("out", folder({}, {"l": secret}), folder({"l": "x"}))
    assert told(found) == [("l", f"link to {secret}", "file")]


def test_a_loop_of_links_is_no_matter(compared: Compared) -> None:
    found = compared("out", folder({}, {"l": "."}), folder({"a": ""}, {"l": "."}))
    assert told(found) == [("a", "missing", "file")]


def test_files_that_git_annex_keeps_are_followed(compared: Compared, tmp_path: Path) -> None:
    key = tmp_path / ".git/annex/objects/xx/yy/SHA256E-s9--ab.csv/SHA256E-s9--ab.csv"
    key.parent.mkdir(parents=True)
    key.write_text("id,n\nx,1\n")
    found = compared("out", folder({}, {"a.csv": str(key)}), folder({"a.csv": "id,n\nx,2\n"}))
    assert told(found) == [("a.csv: line 2 (x), column n", "1", "2")]


def test_annexed_files_whose_content_is_not_here_are_an_error(compared: Compared) -> None:
    gone = folder({}, {"a.csv": "../.git/annex/objects/xx/yy/KEY/KEY"})
    with pytest.raises(CompareError, match=r"not here\. Get it with datalad get"):
        compared("out", gone, folder({"a.csv": ""}))


def test_a_folder_and_a_file_differ_in_kind(compared: Compared) -> None:
    found = compared("out", folder(FILES), "text")
    assert told(found) == [("kind of content", "folder", "file")]


def test_pipes_are_never_opened(compared: Compared) -> None:
    def pipe(path: Path) -> None:
        path.mkdir()
        os.mkfifo(path / "pipe")

    assert compared("out", pipe, pipe).outcome == "identical"


def test_names_of_any_bytes_are_told(compared: Compared) -> None:
    def odd(content: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            path.mkdir()
            (path / os.fsdecode(b"a\xff\nb")).write_text(content)

        return make

    found = compared("out", odd("1"), odd("two"))
    assert found.differences[0].where.startswith("a\\xff\\nb: ")
