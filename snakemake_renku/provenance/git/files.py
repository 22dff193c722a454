"""What the commits will hold of the recorded files, once each is found to be what was recorded."""

from __future__ import annotations

import hashlib
import os
import stat as modes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from snakemake_renku.errors import DigestError, RecordError
from snakemake_renku.provenance.git.folder import EXECUTABLE, FILE, LINK, Entry
from snakemake_renku.provenance.git.intent import Annexed, Staged
from snakemake_renku.provenance.git.keys import (
    HASHES,
    hash_of_backend,
    key_of_link,
    key_of_pointer,
    link_target,
    make_key,
    pointer,
    sha256_of_key,
)
from snakemake_renku.provenance.git.magic import LOOK, is_binary
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import BLOB, PackWriter
from snakemake_renku.provenance.git.plumbing import NO_ANNEX_FILTERS
from snakemake_renku.provenance.git.records import LeftOut
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.rules import Rules, Subjected
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import DigestCache

SMALL = 64 << 10
"""Files up to so many bytes are read at once, and hashed here."""

_POINTER_MOST = 32 << 10
_CHUNK = 1 << 20
_NAMED = 10


class Looked(NamedTuple):
    """A regular file: its path in git, where it is, how it was found, and its digest's hex."""

    path: bytes
    full: bytes
    stat: os.stat_result
    wanted: str | None


class Taken(msgspec.Struct):
    """What stands for each path in the commits, and what else there is to do."""

    entries: dict[bytes, Entry] = {}
    annexed: list[Annexed] = []
    digests: dict[bytes, str] = {}
    left_out: list[LeftOut] = []
    in_git: int = 0
    in_annex: int = 0


class Taker:
    """Takes files into a pack, or notes them for the annex."""

    def __init__(
        self,
        repository: Repository,
        pack: PackWriter,
        objects: Objects,
        rules: Rules,
        tracked: Mapping[bytes, Staged],
        *,
        git_limit: int,
        cache: DigestCache | None,
    ) -> None:
        self._repository = repository
        self._root = os.fsencode(repository.root)
        self._pack = pack
        self._objects = objects
        self._rules = rules
        self._tracked = tracked
        self._git_limit = git_limit
        self._cache = cache
        self._wrong: list[tuple[bytes, str]] = []
        self._by_git: list[Looked] = []
        self._by_annex: list[tuple[Looked, str, bool]] = []
        self.taken = Taken()

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
        self._complain()
        return self.taken

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
                self._take_link(path, full, digest)
            elif not modes.S_ISREG(stat.st_mode):
                self._wrong.append((path, "it is no file"))
            elif not self._take_pointer(path, full, stat, digest):
                yield Looked(path, full, stat, digest)

    def _missing(self, path: bytes, digest: str | None, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self._wrong.append((path, error.strerror or "it cannot be looked at"))
        elif digest is None:
            self._leave_out(path, "it is not there any more")
        else:
            self._wrong.append((path, "it is not there any more"))

    def _digest_large(self, files: Iterable[Looked]) -> None:
        large = [file for file in files if file.stat.st_size > SMALL]
        try:
            found = digest_paths([file.full for file in large], self._cache)
        except DigestError as error:
            raise RecordError(error.message, remedy=error.remedy) from error
        for file, one in zip(large, found, strict=True):
            if one.digest is not None and one.size == file.stat.st_size:
                self._check(file.path, file.wanted, one.digest)
            else:
                self._wrong.append((file.path, "it changed while it was read"))

    def _check(self, path: bytes, wanted: str | None, found: str) -> bool:
        if wanted is not None and wanted != found:
            self._wrong.append((path, f"it has the digest {found}, not {wanted} as recorded"))
            return False
        self.taken.digests[path] = found
        return True

    # Links and pointers, which stand for a content of the annex

    def _take_link(self, path: bytes, full: bytes, digest: str | None) -> None:
        target = os.readlink(full)
        key = key_of_link(target) if self._repository.annex else None
        if self._is_as_recorded(path, full, key, digest):
            self._enter(path, LINK, target)
            self._count(annexed=key is not None)

    def _take_pointer(
        self, path: bytes, full: bytes, stat: os.stat_result, digest: str | None
    ) -> bool:
        if not self._repository.annex or stat.st_size > _POINTER_MOST:
            return False
        with open(full, "rb") as file:
            content = file.read(_POINTER_MOST)
        key = key_of_pointer(content)
        if key is None:
            return False
        if self._is_as_recorded(path, b"", key, digest):
            self._enter(path, _mode(stat), content)
            self._count(annexed=True)
        return True

    def _is_as_recorded(
        self, path: bytes, full: bytes, key: str | None, digest: str | None
    ) -> bool:
        if digest is None:
            return True
        known = sha256_of_key(key) if key is not None else None
        if known is not None:
            return self._check(path, digest, known)
        try:
            found = digest_paths([full], self._cache)[0] if full else None
        except DigestError as error:
            raise RecordError(error.message, remedy=error.remedy) from error
        if found is None or found.digest is None:
            self._wrong.append((path, "its content is not here, so it cannot be compared"))
            return False
        return self._check(path, digest, found.digest)

    # Regular files

    def _take_file(self, file: Looked) -> bool:
        """Take a file; False if git-annex has to be asked where it belongs."""
        if not self._repository.annex:
            self._take_as(file, False)
            return True
        subject = Subjected(file.path, file.stat.st_size, lambda: _look_for_binary(file))
        annexed = self._rules.annexed(subject)
        if annexed is None:
            return False
        self._take_as(file, annexed)
        return True

    def _take_as(self, file: Looked, annexed: bool) -> None:
        if file.stat.st_size > SMALL and file.path not in self.taken.digests:
            return
        if annexed:
            self._take_into_annex(file)
        elif not self._repository.annex and file.stat.st_size > self._git_limit:
            size = file.stat.st_size
            self._leave_out(file.path, f"too large for git without an annex, {size} bytes")
        elif self._rules.converted(file.path):
            self._digest_small(file)
            self._by_git.append(file)
        else:
            self._take_into_git(file)

    def _take_into_git(self, file: Looked) -> None:
        if file.stat.st_size > SMALL:
            name = self._pack.add_stream(BLOB, file.stat.st_size, _chunks(file, self._known(file)))
        else:
            content = self._read_small(file)
            if content is None:
                return
            if b"\r" in content and self._rules.ends_of_lines(file.path):
                self._by_git.append(file)
                return
            name = self._pack.add(BLOB, content)
        self._enter_name(file.path, _mode(file.stat), name)
        self._count(annexed=False)

    def _take_into_annex(self, file: Looked) -> None:
        unlocked = self._is_unlocked(file)
        if file.stat.st_size <= SMALL and not self._digest_small(file):
            return
        backend = self._rules.backend(file.path)
        hash_name = hash_of_backend(backend)
        extension = self._rules.extension(file.path)
        if hash_name is None or extension is None:
            self._by_annex.append((file, backend, unlocked))
            return
        if hash_name == "SHA256":
            hexdigest = self._known(file).removeprefix("sha256:")
        else:
            hexdigest = _hash(file, hash_name)
        self._note(file, make_key(backend, file.stat.st_size, hexdigest, extension), unlocked)

    def _note(self, file: Looked, key: str, unlocked: bool) -> None:
        stat = file.stat
        self.taken.annexed.append(
            Annexed(
                path=file.path,
                key=key,
                size=stat.st_size,
                mtime_ns=stat.st_mtime_ns,
                inode=stat.st_ino,
                mode=stat.st_mode,
                unlocked=unlocked,
            )
        )
        if unlocked:
            self._enter(file.path, _mode(stat), pointer(key))
        else:
            self._enter(file.path, LINK, os.fsencode(link_target(os.fsdecode(file.path), key)))
        self._count(annexed=True)

    def _is_unlocked(self, file: Looked) -> bool:
        before = self._tracked.get(file.path)
        if before is not None and before.mode in (FILE, EXECUTABLE):
            content = self._objects.read_if_small(before.name, _POINTER_MOST)
            if content is not None and key_of_pointer(content) is not None:
                return True
        subject = Subjected(file.path, file.stat.st_size, lambda: _look_for_binary(file))
        return self._rules.unlocked(subject)

    def _digest_small(self, file: Looked) -> bool:
        return file.path in self.taken.digests or self._read_small(file) is not None

    def _read_small(self, file: Looked) -> bytes | None:
        """The content of a small file, if it is what was recorded."""
        with open(file.full, "rb") as opened:
            content = opened.read(SMALL + 1)
        if len(content) != file.stat.st_size:
            self._wrong.append((file.path, "it changed while it was read"))
            return None
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return content if self._check(file.path, file.wanted, digest) else None

    def _known(self, file: Looked) -> str:
        return self.taken.digests[file.path]

    # What only others know

    def _take_by_git(self) -> None:
        """Files that git converts: it makes their objects."""
        odd = [file for file in self._by_git if b"\n" in file.path or file.path[:1] == b'"']
        plain = [file for file in self._by_git if file not in odd]
        git = self._repository.git
        if plain:
            stdin = b"".join(file.path + b"\n" for file in plain)
            answer = git.run(
                "hash-object", "-w", "--stdin-paths", stdin=stdin, safe=NO_ANNEX_FILTERS
            )
            self._enter_by_git(plain, answer.split())
        for file in odd:
            path = os.fsdecode(file.path)
            answer = git.run("hash-object", "-w", "--", path, safe=NO_ANNEX_FILTERS)
            self._enter_by_git([file], [answer.strip()])

    def _enter_by_git(self, files: Sequence[Looked], names: Sequence[bytes]) -> None:
        for file, name in zip(files, names, strict=True):
            self._enter_name(file.path, _mode(file.stat), bytes.fromhex(name.decode()))
            self._count(annexed=False)

    def _take_by_annex(self) -> None:
        """Files whose keys only git-annex can compute."""
        for backend in dict.fromkeys(backend for _, backend, _ in self._by_annex):
            files = [(file, unlocked) for file, its, unlocked in self._by_annex if its == backend]
            keys = self._rules.ask_keys(backend, [file.path for file, _ in files])
            for (file, unlocked), key in zip(files, keys, strict=True):
                self._note(file, key, unlocked)

    # Results

    def _enter(self, path: bytes, mode: bytes, content: bytes) -> None:
        self._enter_name(path, mode, self._pack.add(BLOB, content))

    def _enter_name(self, path: bytes, mode: bytes, name: bytes) -> None:
        self.taken.entries[path] = Entry(mode, name)

    def _count(self, *, annexed: bool) -> None:
        if annexed:
            self.taken.in_annex += 1
        else:
            self.taken.in_git += 1

    def _leave_out(self, path: bytes, reason: str) -> None:
        self.taken.left_out.append(LeftOut(os.fsdecode(path), reason))

    def _complain(self) -> None:
        if not self._wrong:
            return
        named = "; ".join(f"{os.fsdecode(path)!r}: {why}" for path, why in self._wrong[:_NAMED])
        more = f"; and {len(self._wrong) - _NAMED} others" if len(self._wrong) > _NAMED else ""
        raise RecordError(
            f"Files are not what was recorded: {named}{more}.",
            remedy="Run the workflow again, so that they are made anew, and record that run.",
        )


def _mode(stat: os.stat_result) -> bytes:
    return EXECUTABLE if stat.st_mode & modes.S_IXUSR else FILE


def _look_for_binary(file: Looked) -> bool | None:
    with open(file.full, "rb") as opened:
        return is_binary(opened.read(LOOK), file.stat.st_size)


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
