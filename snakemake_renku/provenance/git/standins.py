"""Links, and pointer files, that stand for a content in the annex or elsewhere."""

from __future__ import annotations

import os

from snakemake_renku.errors import DigestError, RecordError
from snakemake_renku.provenance.git.folder import LINK
from snakemake_renku.provenance.git.keys import key_of_link, key_of_pointer, sha256_of_key
from snakemake_renku.provenance.git.pack import BLOB
from snakemake_renku.provenance.git.taken import Findings, mode_of
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import DigestCache

POINTER_MOST = 32 << 10
"""No pointer file has more bytes (git-annex's page ``internals/pointer_file``)."""


class StandIns:
    """Takes what stands for a content as it is, if that content is what was recorded."""

    def __init__(self, findings: Findings, cache: DigestCache | None, *, annex: bool) -> None:
        self._findings = findings
        self._cache = cache
        self._annex = annex

    def take_link(self, path: bytes, full: bytes, digest: str | None) -> None:
        """Take a symbolic link."""
        target = os.readlink(full)
        key = key_of_link(target) if self._annex else None
        if not self._is_as_recorded(path, full, key, digest):
            return
        if key is not None:
            self._findings.stands_in(path, LINK, target)
        else:
            self._findings.in_git(path, LINK, self._findings.pack.add(BLOB, target))

    def take_pointer(
        self, path: bytes, full: bytes, stat: os.stat_result, digest: str | None
    ) -> bool:
        """Take a pointer file; False if the file is none."""
        if not self._annex or stat.st_size > POINTER_MOST:
            return False
        with open(full, "rb") as file:
            content = file.read(POINTER_MOST)
        key = key_of_pointer(content)
        if key is None:
            return False
        if self._is_as_recorded(path, b"", key, digest):
            self._findings.stands_in(path, mode_of(stat), content)
        return True

    def _is_as_recorded(
        self, path: bytes, full: bytes, key: str | None, digest: str | None
    ) -> bool:
        if digest is None:
            return True
        found = sha256_of_key(key) if key is not None else None
        found = found or self._digest_behind(full)
        if found is None:
            self._findings.wrong(path, "its content is not here, so it cannot be compared")
            return False
        return self._findings.has_digest(path, digest, found)

    def _digest_behind(self, full: bytes) -> str | None:
        if not full:
            return None
        try:
            return digest_paths([full], self._cache)[0].digest
        except DigestError as error:
            raise RecordError(error.message, remedy=error.remedy) from error
