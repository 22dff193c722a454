"""Before a run: could it be recorded at its end?"""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.datalad import check_recordable
from tests.datalad.lab import Lab, git


def test_a_committed_workflow_on_a_branch_can_be_recorded(lab: Lab) -> None:
    check_recordable(lab.workdir, snakefile=lab.workdir / "Snakefile")


def test_other_changes_of_the_user_do_not_matter(lab: Lab) -> None:
    lab.write("notes.txt", "")
    check_recordable(lab.workdir, snakefile=lab.workdir / "Snakefile")


def test_a_folder_in_no_repository_cannot(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="in no git repository"):
        check_recordable(tmp_path, snakefile=None)


def test_a_detached_head_cannot(lab: Lab) -> None:
    git(lab.root, "checkout", "-q", "--detach")
    with pytest.raises(RecordError, match="detached"):
        check_recordable(lab.workdir, snakefile=None)


def test_a_merge_in_progress_cannot(lab: Lab) -> None:
    git(lab.root, "checkout", "-q", "-b", "other")
    lab.write("a", "1")
    lab.commit("one")
    git(lab.root, "checkout", "-q", "main")
    lab.write("a", "2")
    lab.commit("two")
    git(lab.root, "merge", "-q", "other", check=False)
    with pytest.raises(RecordError, match="merge is in progress"):
        check_recordable(lab.workdir, snakefile=None)


@pytest.mark.parametrize("path", ["Snakefile", "New.smk"])
def test_a_snakefile_that_is_not_committed_as_it_is_cannot(lab: Lab, path: str) -> None:
    lab.write(path, "# edited\n")
    with pytest.raises(RecordError, match=r"not committed as it is.*datalad save"):
        check_recordable(lab.workdir, snakefile=lab.workdir / path)


def test_a_snakefile_of_another_place_does_not_matter(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("")
    check_recordable(lab.workdir, snakefile=tmp_path / "Snakefile")
