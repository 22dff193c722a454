"""Where a replay happens: in a clone that has all it needs, and that nobody sees afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.replay.conftest import Dataset, copy_of, git, new_dataset

COPY = """
rule copy:
    input: "data/1.txt"
    output: "results/copy of it.txt"
    shell: "cp {input:q} {output:q}"
"""


def small(root: Path, **options: object) -> Dataset:
    dataset = new_dataset(root, **options)  # type: ignore[arg-type]
    dataset.write("Snakefile", COPY)
    return dataset


@pytest.fixture(scope="module")
def once_copied(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = small(tmp_path_factory.mktemp("copied") / "dataset")
    dataset.save()
    dataset.run()
    return dataset


@pytest.fixture
def copied(once_copied: Dataset, tmp_path: Path) -> Dataset:
    """A dataset in which one job copied an annexed file."""
    return copy_of(once_copied, tmp_path / "dataset")


def state(folder: Path) -> dict[str, str]:
    """All files below a folder with their contents, but for what git-annex notes for itself.

    Where it copies from, it has git write the tree of what is staged.
    """
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    digests = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    notes = (".git/annex/", ".git/refs/annex/", ".git/objects/", ".git/index")
    return {name: digest for name, digest in digests.items() if not name.startswith(notes)}


def test_a_clone_of_a_clone_without_contents_is_replayed_as_the_original(
    copied: Dataset, clone_of: Callable[..., Dataset]
) -> None:
    there = clone_of(copied)
    assert not (there.root / ".snakemake").exists()
    git(there.root, "annex", "init", "--quiet", "the reviewer's")
    found = there.replay()
    assert found.verdict.outcome == "identical"


def test_a_shallow_clone_is_enough(copied: Dataset, clone_of: Callable[..., Dataset]) -> None:
    there = clone_of(copied, "--no-local", "--depth", "1", "--no-single-branch")
    found = there.replay()
    assert found.verdict.outcome == "identical"


def test_the_original_stays_as_it_was(copied: Dataset) -> None:
    (copied.root / "unrelated").write_text("not in git")
    copied.write("Snakefile", COPY + "\n# a remark\n")
    git(copied.root, "add", "Snakefile")
    status = git(copied.root, "status", "--porcelain")
    before = state(copied.root)
    copied.replay("results/copy of it.txt")
    after = state(copied.root)
    new = after.keys() - before.keys()
    assert all(name.startswith(".snakemake/renku/verdicts/") for name in new), new
    assert {name: after[name] for name in before} == before
    assert git(copied.root, "status", "--porcelain") == status
    git(copied.root, "annex", "fsck", "--quiet")


def test_a_repository_that_cannot_be_written_to_is_replayed(copied: Dataset) -> None:
    mount = ["mount", "--bind", copied.root, copied.root]
    again = ["mount", "-o", "remount,ro,bind", copied.root]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        subprocess.run(again, check=True)
        assert copied.replay().verdict.outcome == "identical"
    finally:
        subprocess.run(["umount", "-l", copied.root], check=True)


def test_a_job_that_writes_through_its_input_reaches_no_file_of_the_original(
    tmp_path: Path,
) -> None:
    dataset = small(tmp_path / "dataset")
    dataset.write("data/1.txt", "the recorded input\n")
    dataset.write(
        "Snakefile",
        """
        rule careless:
            input: "data/1.txt"
            output: "results/out.txt"
            shell:
                "cp {input} {output}; if [ -e /proc/self/fd ]; then"
                " (chmod u+w $(readlink -f {input}) && echo spoilt >> {input}) || true; fi"
        """,
    )
    dataset.save()
    original = (dataset.root / "data/1.txt").resolve()
    dataset.run()
    original.chmod(0o644)
    original.write_text("the recorded input\n")
    dataset.replay("results/out.txt")
    assert original.read_text() == "the recorded input\n"


def test_a_working_directory_below_the_root_of_the_repository(tmp_path: Path) -> None:
    dataset = small(tmp_path / "ein Gerät", below="studies/alps & more")
    dataset.write("Snakefile", COPY.replace("data/1.txt", "../shared.txt"))
    dataset.write("../shared.txt", "for all studies\n")
    dataset.save()
    dataset.run()
    found = dataset.replay()
    assert found.verdict.outcome == "identical"
    below = dataset.workdir / "results"
    done = Dataset(dataset.root, "studies/alps & more/results").replay(
        "copy of it.txt", "--directory", ".."
    )
    assert below.is_dir()
    assert done.verdict.outcome == "identical"


def test_inputs_in_a_subdataset_are_fetched_from_it(
    tmp_path: Path, clone_of: Callable[..., Dataset]
) -> None:
    source = small(tmp_path / "source")
    source.save()
    dataset = small(tmp_path / "dataset")
    dataset.save()
    git(
        dataset.root,
        *("-c", "protocol.file.allow=always", "submodule", "add", "--quiet"),
        *(str(source.root), "inputs/source"),
    )
    git(dataset.root / "inputs/source", "annex", "init", "--quiet", "below")
    git(dataset.root / "inputs/source", "annex", "get", "--quiet", "data/1.txt")
    dataset.write("Snakefile", COPY.replace("data/1.txt", "inputs/source/data/1.txt"))
    dataset.save()
    dataset.run()
    assert dataset.replay().verdict.outcome == "identical"
    there = clone_of(dataset)
    assert there.replay().verdict.outcome == "identical"


def test_code_in_git_annex_is_fetched_too(tmp_path: Path) -> None:
    dataset = small(tmp_path / "dataset")
    (dataset.root / ".gitattributes").write_text("* annex.backend=SHA256E\n")
    dataset.write(
        "Snakefile",
        """
        rule answer:
            output: "results/answer.txt"
            script: "scripts/answer.py"
        """,
    )
    dataset.write("scripts/constants.py", "ANSWER = 42\n")
    dataset.write(
        "scripts/answer.py",
        """
        import sys
        sys.path.insert(0, "scripts")
        from constants import ANSWER
        open(snakemake.output[0], "w").write(str(ANSWER))
        """,
    )
    dataset.save()
    dataset.run()
    assert (dataset.root / "scripts/constants.py").is_symlink()
    assert dataset.replay().verdict.outcome == "identical"


def test_a_kept_clone_stays(copied: Dataset) -> None:
    done = copied.call("--keep")
    assert done.returncode == 0
    (kept,) = copied.scratch.iterdir()
    assert f"The clone is kept in {kept / 'clone'}." in done.stderr
    assert (kept / "clone/results/copy of it.txt").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_a_replay_finds_neither_folder_nor_process_afterwards(
    tmp_path: Path, number: signal.Signals
) -> None:
    dataset = small(tmp_path / "dataset", annex=False)
    dataset.write(
        "Snakefile",
        """
        rule wait:
            output: "results/out.txt"
            shell: "if [ -e fast ]; then touch {output}; else touch started; sleep 1000; fi"
        """,
    )
    (dataset.root / ".gitignore").write_text(".snakemake/\nfast\n")
    dataset.save()
    dataset.write("fast", "")
    dataset.run()
    process = dataset.start()
    started = wait_for(lambda: list(dataset.scratch.glob("*/clone/started")), process)
    assert started
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + number, stderr
    assert list(dataset.scratch.iterdir()) == []
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def wait_for(
    found: Callable[[], list[Path]], process: subprocess.Popen[str], seconds: float = 60
) -> list[Path]:
    end = time.monotonic() + seconds
    while not found() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    return found()


def test_a_disk_that_is_full_is_told(copied: Dataset) -> None:
    disk = copied.scratch / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        done = copied.start(TMPDIR=str(disk))
        _, stderr = done.communicate()
        assert done.returncode == 2
        assert "Make room, or set TMPDIR to a folder on a larger disk." in stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_another_users_repository_is_told(copied: Dataset) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    shutil.chown(copied.root, 12345)
    told = copied.refuse(HOME=str(copied.scratch), GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "safe.directory" in told
