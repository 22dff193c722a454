"""Real repositories for the tests, and short ways to ask what is in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from snakemake_renku.provenance.git import Commit, RecordedFile, Written, open_repository
from snakemake_renku.provenance.git import write_batch as write

ATTRIBUTES = """\
* annex.backend=SHA256E
**/.git* annex.largefiles=nothing
* annex.largefiles=((mimeencoding=binary)and(largerthan=0))
"""
"""What `datalad create -c text2git` writes, with the backend that knows our digests."""

BEGAN = 1_700_000_000.0


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def binary(text: str) -> bytes:
    """Content that libmagic takes for binary."""
    return b"\0\1\2" + text.encode()


class Repo:
    """A repository's working tree."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self._run("git", *arguments, stdin=stdin)

    def annex(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self._run("git-annex", *arguments, stdin=stdin)

    def datalad(self, *arguments: str) -> str:
        return self._run("datalad", "-l", "warning", *arguments)

    def _run(self, *command: str, stdin: bytes | None = None) -> str:
        done = subprocess.run(command, cwd=self.root, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return os.fsdecode(done.stdout)

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, content: bytes, mtime: float | None = None) -> RecordedFile:
        """Write a file, as a job would, and say how it was recorded."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return RecordedFile(name, digest(content), len(content), path.stat().st_mtime)

    def commit_all(self, message: str = "by hand") -> str:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        return self.head()

    def record(self, *commits: Commit, **options: object) -> Written:
        return write(open_repository(self.root), commits, name="run x", **options)  # type: ignore[arg-type]

    def head(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", ref).strip()

    def content(self, name: str, ref: str = "HEAD") -> bytes:
        return os.fsencode(self.git("cat-file", "blob", f"{ref}:{name}"))

    def mode(self, name: str, ref: str = "HEAD") -> str:
        return self.git("ls-tree", "-z", ref, "--", name).split(" ")[0]

    def names(self, ref: str = "HEAD") -> list[str]:
        return self.git("ls-tree", "-r", "-z", "--name-only", ref).split("\0")[:-1]

    def changed(self, ref: str = "HEAD") -> list[str]:
        listing = self.git("diff-tree", "-r", "-z", "--no-commit-id", "--name-only", ref, "--")
        return listing.split("\0")[:-1]

    def status(self) -> str:
        return self.git("status", "--porcelain", "--untracked-files=all")

    def key(self, name: str) -> str:
        return self.annex("lookupkey", "--", name).strip()

    def check(self) -> None:
        """Nothing is wrong with the repository, as git and git-annex see it."""
        self.git("fsck", "--strict", "--no-dangling")
        if (self.root / ".git/annex").exists():
            assert self.annex("fsck", "--quiet") == ""


def job(number: int, *files: RecordedFile, **texts: bytes) -> Commit:
    message = f"[DATALAD RUNCMD] job {number}\n\n{{}}\n\nRenku-Job: {number}.1\n"
    return Commit(message, BEGAN + number, files, texts)


def make_plain(root: Path) -> Repo:
    root.mkdir()
    repo = Repo(root)
    repo.git("init", "-q", "--template=")
    (root / "README").write_text("read me\n")
    repo.commit_all("first")
    return repo


def make_annex(root: Path, attributes: str = ATTRIBUTES) -> Repo:
    repo = make_plain(root)
    repo.annex("init", "-q", "here")
    (root / ".gitattributes").write_text(attributes)
    repo.commit_all("attributes")
    return repo


def copy(repo: Repo, root: Path) -> Repo:
    shutil.copytree(repo.root, root, symlinks=True)
    return Repo(root)


def remove(folder: Path) -> None:
    """Remove a tree with folders that cannot be written to, as annexes have."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)
    shutil.rmtree(folder)
