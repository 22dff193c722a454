"""What the commits will hold of the recorded files, once each is found to be what was recorded."""

from __future__ import annotations

import hashlib
import os
import stat as modes
from collections.abc import Iterable, Iterator, Mapping, Sequence

from snakemake_renku.errors import DigestError, RecordError
from snakemake_renku.provenance.git.folder import EXECUTABLE, FILE
from snakemake_renku.provenance.git.intent import Staged
from snakemake_renku.provenance.git.keys import HASHES, hash_of_backend, key_of_pointer, make_key
from snakemake_renku.provenance.git.magic import LOOK, is_binary
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import BLOB
from snakemake_renku.provenance.git.plumbing import NO_ANNEX_FILTERS
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.rules import Rules, Subjected
from snakemake_renku.provenance.git.standins import POINTER_MOST, StandIns
from snakemake_renku.provenance.git.taken import Findings, Looked, Taken
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import DigestCache

SMALL = 64 << 10
"""Files up to so many bytes are read at once, and hashed here."""

_CHUNK = 1 << 20
_HASH = ("hash-object", "-w")


class Taker:
    """Takes files into git, or notes them for the annex, by the repository's rules."""

    def __init__(
        self,
        repository: Repository,
        findings: Findings,
        objects: Objects,
        rules: Rules,
        tracked: Mapping[bytes, Staged],
        *,
        git_limit: int,
        cache: DigestCache | None,
    ) -> None:
        self._repository = repository
        self._root = os.fsencode(repository.root)
        self._findings = findings
        self._objects = objects
        self._rules = rules
        self._tracked = tracked
        self._git_limit = git_limit
        self._cache = cache
        self._stand_ins = StandIns(findings, cache, annex=repository.annex)
        self._by_git: list[Looked] = []
        self._by_annex: list[tuple[Looked, str, bool]] = []

    def take(self, wanted: Mapping[bytes, str | None]) -> Taken:
        """Take each path, whose digest is given if it is known.

        Raises :class:`RecordError` naming the files that are not what was recorded.
        """
        files = list(self._look(wanted))
        self._digest_large(files)
        unsure = [file for file in files if not self._take_file(file)]
        if unsure:
            answers = self._rules.ask_annexed([file.path for file in unsure])
            for file, annexed in zip(unsure, answers, strict=True):
                self._take_as(file, annexed)
        self._take_by_git()
        self._take_by_annex()
        self._findings.complain()
        return self._findings.taken

    # Looking

    def _look(self, wanted: Mapping[bytes, str | None]) -> Iterator[Looked]:
        for path, digest in wanted.items():
            full = os.path.join(self._root, path)
            try:
                stat = os.lstat(full)
            except OSError as error:
                self._missing(path, digest, error)
                continue
            if modes.S_ISLNK(stat.st_mode):
                self._stand_ins.take_link(path, full, digest)
            elif not modes.S_ISREG(stat.st_mode):
                self._findings.wrong(path, "it is no file")
            elif not self._stand_ins.take_pointer(path, full, stat, digest):
                yield Looked(path, full, stat, digest)

    def _missing(self, path: bytes, digest: str | None, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self._findings.wrong(path, error.strerror or "it cannot be looked at")
        elif digest is None:
            self._findings.left_out(path, "it is not there any more")
        else:
            self._findings.wrong(path, "it is not there any more")

    def _digest_large(self, files: Iterable[Looked]) -> None:
        large = [file for file in files if file.size > SMALL]
        try:
            found = digest_paths([file.full for file in large], self._cache)
        except DigestError as error:
            raise RecordError(error.message, remedy=error.remedy) from error
        for file, one in zip(large, found, strict=True):
            if one.digest is not None and one.size == file.size:
                self._findings.has_digest(file.path, file.wanted, one.digest)
            else:
                self._findings.wrong(file.path, "it changed while it was read")

    def _read_small(self, file: Looked) -> bytes | None:
        """The content of a small file, if it is what was recorded."""
        with open(file.full, "rb") as opened:
            content = opened.read(SMALL + 1)
        if len(content) != file.size:
            self._findings.wrong(file.path, "it changed while it was read")
            return None
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return content if self._findings.has_digest(file.path, file.wanted, digest) else None

    def _is_as_recorded(self, file: Looked) -> bool:
        if file.size > SMALL:
            return file.path in self._findings.taken.digests
        return self._read_small(file) is not None

    # Where a file belongs

    def _take_file(self, file: Looked) -> bool:
        """Take a file; False if git-annex has to be asked where it belongs."""
        annexed = self._rules.annexed(_subject(file)) if self._repository.annex else False
        if annexed is None:
            return False
        self._take_as(file, annexed)
        return True

    def _take_as(self, file: Looked, annexed: bool) -> None:
        if annexed:
            if self._is_as_recorded(file):
                self._take_into_annex(file)
        elif not self._repository.annex and file.size > self._git_limit:
            why = f"too large for git without an annex, {file.size} bytes"
            self._findings.left_out(file.path, why)
        elif self._rules.converted(file.path):
            if self._is_as_recorded(file):
                self._by_git.append(file)
        elif file.size > SMALL:
            if self._is_as_recorded(file):
                self._stream_into_git(file)
        else:
            self._take_into_git(file)

    def _take_into_git(self, file: Looked) -> None:
        content = self._read_small(file)
        if content is None:
            return
        if b"\r" in content and self._rules.ends_of_lines(file.path):
            self._by_git.append(file)
        else:
            self._findings.in_git(file.path, file.mode, self._findings.pack.add(BLOB, content))

    def _stream_into_git(self, file: Looked) -> None:
        if self._rules.ends_of_lines(file.path):
            self._by_git.append(file)
            return
        digest = self._findings.taken.digests[file.path]
        name = self._findings.pack.add_stream(BLOB, file.size, _chunks(file, digest))
        self._findings.in_git(file.path, file.mode, name)

    def _take_into_annex(self, file: Looked) -> None:
        unlocked = self._is_unlocked(file)
        backend = self._rules.backend(file.path)
        hash_name = hash_of_backend(backend)
        extension = self._rules.extension(file.path)
        if hash_name is None or extension is None:
            self._by_annex.append((file, backend, unlocked))
            return
        if hash_name == "SHA256":
            hexdigest = self._findings.taken.digests[file.path].removeprefix("sha256:")
        else:
            hexdigest = _hash(file, hash_name)
        key = make_key(backend, file.size, hexdigest, extension)
        self._findings.into_annex(file, key, unlocked=unlocked)

    def _is_unlocked(self, file: Looked) -> bool:
        before = self._tracked.get(file.path)
        if before is not None and before.mode in (FILE, EXECUTABLE):
            content = self._objects.read_if_small(before.name, POINTER_MOST)
            if content is not None and key_of_pointer(content) is not None:
                return True
        return self._rules.unlocked(_subject(file))

    # What only others know

    def _take_by_git(self) -> None:
        """Files that git converts: it makes their objects."""
        git = self._repository.git
        plain = [file for file in self._by_git if not _is_odd(file.path)]
        odd = [file for file in self._by_git if _is_odd(file.path)]
        if plain:
            stdin = b"".join(file.path + b"\n" for file in plain)
            names = git.run(*_HASH, "--stdin-paths", stdin=stdin, safe=NO_ANNEX_FILTERS)
            self._note_objects(plain, names)
        for file in odd:
            names = git.run(*_HASH, "--", os.fsdecode(file.path), safe=NO_ANNEX_FILTERS)
            self._note_objects([file], names)

    def _note_objects(self, files: Sequence[Looked], names: bytes) -> None:
        for file, name in zip(files, names.decode().split(), strict=True):
            self._findings.in_git(file.path, file.mode, bytes.fromhex(name))

    def _take_by_annex(self) -> None:
        """Files whose keys only git-annex can compute."""
        for backend in dict.fromkeys(backend for _, backend, _ in self._by_annex):
            files = [(file, unlocked) for file, its, unlocked in self._by_annex if its == backend]
            keys = self._rules.ask_keys(backend, [file.path for file, _ in files])
            for (file, unlocked), key in zip(files, keys, strict=True):
                self._findings.into_annex(file, key, unlocked=unlocked)


def _subject(file: Looked) -> Subjected:
    return Subjected(file.path, file.size, lambda: _look_for_binary(file))


def _is_odd(path: bytes) -> bool:
    # git reads such names in another way than they are written.
    return b"\n" in path or path.startswith(b'"')


def _look_for_binary(file: Looked) -> bool | None:
    with open(file.full, "rb") as opened:
        return is_binary(opened.read(LOOK), file.size)


def _chunks(file: Looked, digest: str) -> Iterator[bytes]:
    hasher = hashlib.sha256()
    with open(file.full, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            hasher.update(chunk)
            yield chunk
    if f"sha256:{hasher.hexdigest()}" != digest:
        raise RecordError(f"{os.fsdecode(file.path)!r} changed while it was read.")


def _hash(file: Looked, name: str) -> str:
    hasher = HASHES[name]()
    with open(file.full, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            hasher.update(chunk)
    return str(hasher.hexdigest())
