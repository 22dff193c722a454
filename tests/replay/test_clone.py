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

COPIED = "results/copy of it.txt"

NAMES = ("-rf", "a b", "new\nline", "quo'te\"s", "ünïcode", "semi;colon", "glob*?[x]", " lead")

SNAKEFILE = f"""
NAMES = {NAMES!r}

rule all:
    input:
        ["named/" + name for name in NAMES],
        "{COPIED}", "results/spoilt.txt", "results/answer.txt", "results/waited.txt",
        "results/gathered.txt"

rule careless:
    input: "data/2.txt"
    output: "results/spoilt.txt"
    shell: 'cp {{input}} {{output}}; if ! [ -e fast ]; then'
        ' cd "$(dirname "$(realpath {{input}})")"; chmod u+w .;'
        ' for file in *; do chmod u+w $file; echo spoilt >> $file; done; fi'

rule answer:
    output: "results/answer.txt"
    script: "scripts/answer.py"

checkpoint split:
    output: "split/names.txt"
    shell: "echo 1 2 > {{output}}"

def parts(wildcards):
    with open(checkpoints.split.get().output[0]) as names:
        return [f"data/{{name}}.txt" for name in names.read().split()]

rule gather:
    input: parts=parts
    output: "results/gathered.txt"
    script: "scripts/gather.py"

rule wait:
    output: "results/waited.txt"
    shell: "if ! [ -e fast ]; then touch started; sleep 1000; fi; touch {{output}}"

for number, name in enumerate(NAMES):
    rule:
        name: f"named{{number}}"
        input: "data/" + name
        output: "named/" + name
        shell: "cat -- {{input:q}} > {{output:q}}; date +%s%N >> {{output:q}}"
"""

ANSWER = """
    import sys
    sys.path.insert(0, "scripts")
    from constants import ANSWER
    open(snakemake.output[0], "w").write(str(ANSWER))
"""

GATHER = "print(*snakemake.input.parts, file=open(snakemake.output[0], 'w'))\n"


def small(root: Path, **options: object) -> Dataset:
    dataset = new_dataset(root, **options)  # type: ignore[arg-type]
    dataset.write("Snakefile", COPY)
    return dataset


@pytest.fixture(scope="module")
def once_made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = new_dataset(tmp_path_factory.mktemp("made") / "dataset")
    (dataset.root / ".gitattributes").write_text("* annex.backend=SHA256E\n")
    (dataset.root / ".gitignore").write_text(".snakemake/\n__pycache__/\nfast\n")
    dataset.write("Snakefile", SNAKEFILE + COPY)
    dataset.write("scripts/constants.py", "ANSWER = 42\n")
    dataset.write("scripts/answer.py", ANSWER)
    dataset.write("scripts/gather.py", GATHER)
    for name in NAMES:
        dataset.write(f"data/{name}", f"of {name}\n")
    dataset.save()
    # What the jobs do otherwise in the clone, where this is not.
    dataset.write("fast", "")
    dataset.run()
    return dataset


@pytest.fixture
def made(once_made: Dataset, tmp_path: Path) -> Dataset:
    """A dataset that has all in git-annex, also its code."""
    return copy_of(once_made, tmp_path / "dataset")


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
    made: Dataset, clone_of: Callable[..., Dataset]
) -> None:
    there = clone_of(made)
    assert not (there.root / ".snakemake").exists()
    git(there.root, "annex", "init", "--quiet", "the reviewer's")
    assert there.replay(COPIED).verdict.outcome == "identical"


def test_a_shallow_clone_is_enough(made: Dataset, clone_of: Callable[..., Dataset]) -> None:
    there = clone_of(made, "--no-local", "--depth", "1", "--no-single-branch")
    assert there.replay(COPIED).verdict.outcome == "identical"


def test_the_original_stays_as_it_was(made: Dataset) -> None:
    (made.root / "unrelated").write_text("not in git")
    made.write("Snakefile", COPY + "\n# a remark\n")
    git(made.root, "add", "Snakefile")
    status = git(made.root, "status", "--porcelain")
    before = state(made.root)
    made.replay(COPIED)
    after = state(made.root)
    new = after.keys() - before.keys()
    assert all(name.startswith(".snakemake/renku/verdicts/") for name in new), new
    assert {name: after[name] for name in before} == before
    assert git(made.root, "status", "--porcelain") == status
    git(made.root, "annex", "fsck", "--quiet")


def test_a_repository_that_cannot_be_written_to_is_replayed(made: Dataset) -> None:
    mount = ["mount", "--bind", made.root, made.root]
    again = ["mount", "-o", "remount,ro,bind", made.root]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        subprocess.run(again, check=True)
        assert made.replay(COPIED).verdict.outcome == "identical"
    finally:
        subprocess.run(["umount", "-l", made.root], check=True)


def test_a_job_that_spoils_its_inputs_reaches_no_file_of_the_original(made: Dataset) -> None:
    kept = made.call("results/spoilt.txt", "--keep")
    assert kept.returncode == 0, kept.stderr
    (clone,) = made.scratch.glob("*/clone")
    assert "spoilt" in (clone / "data/2.txt").read_text()
    git(made.root, "annex", "fsck", "--quiet")
    assert "spoilt" not in (made.root / "data/2.txt").read_text()


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


def test_hostile_names_are_fetched_replayed_and_compared(made: Dataset) -> None:
    found = made.replay(*(f"file:named/{name}" for name in NAMES), status=1)
    assert {output.path for output in found.verdict.outputs} == {f"named/{name}" for name in NAMES}
    for output in found.verdict.outputs:
        assert output.finding is not None, output
        last = output.path.count("\n") + 2
        assert [each.where for each in output.finding.differences] == [f"line {last}"]


def test_code_in_git_annex_is_fetched_too(made: Dataset) -> None:
    assert (made.root / "scripts/constants.py").is_symlink()
    assert made.replay("results/answer.txt").verdict.outcome == "identical"


def test_a_job_whose_inputs_depend_on_a_checkpoint_is_replayed_alone(made: Dataset) -> None:
    found = made.replay("results/gathered.txt", "--job-only")
    assert found.rules == ["gather"]
    assert found.verdict.outcome == "identical"


def test_a_kept_clone_stays(made: Dataset) -> None:
    done = made.call("--keep", COPIED)
    assert done.returncode == 0
    (kept,) = made.scratch.iterdir()
    assert f"The clone is kept in {kept / 'clone'}." in done.stderr
    assert (kept / "clone" / COPIED).is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_a_replay_finds_neither_folder_nor_process_afterwards(
    made: Dataset, number: signal.Signals
) -> None:
    process = made.start("results/waited.txt")
    assert wait_for(lambda: list(made.scratch.glob("*/clone/started")), process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + number, stderr
    assert list(made.scratch.iterdir()) == []
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def wait_for(
    found: Callable[[], list[Path]], process: subprocess.Popen[str], seconds: float = 60
) -> list[Path]:
    end = time.monotonic() + seconds
    while not found() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    return found()


def test_a_disk_that_is_full_is_told(made: Dataset) -> None:
    disk = made.scratch / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        done = made.start(COPIED, TMPDIR=str(disk))
        _, stderr = done.communicate()
        assert done.returncode == 2
        assert "Make room, or set TMPDIR to a folder on a larger disk." in stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_another_users_repository_is_told(made: Dataset) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    shutil.chown(made.root, 12345)
    told = made.refuse(HOME=str(made.scratch), GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "safe.directory" in told
