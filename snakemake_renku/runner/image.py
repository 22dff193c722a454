"""What a container image really was: a manifest digest where that is known, else a file's hash.

A tag moves. What a registry says about it *now* is true of an image that Snakemake pulled earlier
only if it was pulled just now. So the answer is kept beside the pulled image::

    <image_path>.renku.json     {"url", "manifest", "file", "size", "mtime_ns"}

and trusted later while size and time of the image agree. An image that is older than the run and
has no such file is named by the sha256 of its bytes: true, though nobody can pull by it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from snakemake_renku.errors import BackendUnavailable, RenkuError, SettingsError
from snakemake_renku.runner.registry import (
    DIGEST,
    SCHEMES,
    ImageReference,
    ask_registry,
    parse_reference,
)

_logger = logging.getLogger(__name__)

ImageKind = Literal["manifest", "file", "tree"]
Digest = Callable[[str], str]


class ImageDigest(NamedTuple):
    """A digest and what it is a digest of; both None where it is unknown."""

    digest: str | None = None
    kind: ImageKind | None = None


class ImageCache:
    """The answers of one process, so that an image is asked for once.

    An unknown digest is asked for again after ``retry_after`` seconds. May be shared by threads.
    """

    def __init__(self, retry_after: float = 300.0) -> None:
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._known: dict[object, tuple[ImageDigest, float]] = {}

    def get(self, key: object, ask: Callable[[], ImageDigest]) -> ImageDigest:
        """Return the answer kept under ``key``, or ask for it."""
        with self._lock:
            answer, when = self._known.get(key, (None, 0.0))
            if answer is None or (
                answer.digest is None and time.monotonic() - when > self._retry_after
            ):
                answer = ask()
                self._known[key] = answer, time.monotonic()
            return answer


_OF_THIS_PROCESS = ImageCache()


def resolve_image(
    url: str,
    image_path: str | None,
    cache: ImageCache | None = None,
    *,
    run_started: float,
    digest_file: Digest | None = None,
    digest_tree: Digest | None = None,
) -> ImageDigest:
    """Return the digest of the image that a job named ``url`` ran in.

    ``image_path`` is where Snakemake put it; ``run_started`` is in seconds since the epoch. The
    callables hash a file and a folder, by default those of :mod:`snakemake_renku.runner.digest`.
    Never raises: what cannot be found out is logged as a warning that says what to do.
    """
    cache = _OF_THIS_PROCESS if cache is None else cache
    resolver = _Resolver(url, image_path, run_started, digest_file, digest_tree)
    key = (url, image_path, _signature(image_path))
    return cache.get(key, resolver.resolve)


class _Sidecar(msgspec.Struct, frozen=True):
    """What is known about a pulled image; ``manifest`` is None if it was not known in time."""

    url: str
    manifest: str | None
    file: str
    size: int
    mtime_ns: int


class _Resolver(NamedTuple):
    url: str
    image_path: str | None
    run_started: float
    digest_file: Digest | None
    digest_tree: Digest | None

    def resolve(self) -> ImageDigest:
        """Return the digest, or an empty answer after a warning."""
        try:
            return self._resolve()
        except Exception as error:  # a job has ended well: its record must be written
            _logger.warning("The digest of the image %s is unknown: %s", self.url, error)
            return ImageDigest()

    def _resolve(self) -> ImageDigest:
        if self.url.startswith(SCHEMES):
            reference = parse_reference(self.url)
            if reference.digest is not None:
                return ImageDigest(reference.digest, "manifest")
            if self.image_path is None or not os.path.exists(self.image_path):
                return ImageDigest(ask_registry(reference), "manifest")
            return self._pulled(self.image_path, reference)
        if self.url.startswith("oci:"):
            return ImageDigest(_layout_digest(self.url.removeprefix("oci:")), "manifest")
        if "://" in self.url and not self.url.startswith("file://"):
            if self.image_path is None:
                raise BackendUnavailable(
                    "only its pulled file has a digest, and there is none.",
                    remedy="Give the image as docker://HOST/NAME@sha256:HEX.",
                )
            return self._pulled(self.image_path, None)
        return self._local(self.image_path or _local_path(self.url))

    def _local(self, path: str) -> ImageDigest:
        if os.path.isdir(path):
            return ImageDigest(self._hash_tree(path), "tree")
        return ImageDigest(self._hash_file(path), "file")

    def _pulled(self, path: str, reference: ImageReference | None) -> ImageDigest:
        stat = os.stat(path)
        known = _read_sidecar(path)
        if known is None or (known.url, known.size, known.mtime_ns) != (
            self.url,
            stat.st_size,
            stat.st_mtime_ns,
        ):
            manifest = self._manifest_of_pulled(reference, stat.st_mtime)
            file = self._hash_file(path)
            known = _Sidecar(self.url, manifest, file, stat.st_size, stat.st_mtime_ns)
            _write_sidecar(path, known)
        if known.manifest is not None:
            return ImageDigest(known.manifest, "manifest")
        return ImageDigest(known.file, "file")

    def _manifest_of_pulled(self, reference: ImageReference | None, pulled: float) -> str | None:
        """Ask the registry only while its answer is about the image that was pulled."""
        if reference is None:
            return None
        if pulled < self.run_started:
            _logger.warning(
                "The image %s was pulled before this run, and its tag may have moved since: the "
                "record names the hash of the file. Pin it (docker://HOST/NAME@sha256:HEX), or "
                "delete the file so that it is pulled again.",
                self.url,
            )
            return None
        try:
            return ask_registry(reference)
        except RenkuError as error:
            _logger.warning(
                "The record names the hash of the file of the image %s: %s", self.url, error
            )
            return None

    def _hash_file(self, path: str) -> str:
        if self.digest_file is not None:
            return self.digest_file(path)
        from snakemake_renku.runner.digest import digest_file

        return digest_file(path)

    def _hash_tree(self, path: str) -> str:
        if self.digest_tree is not None:
            return self.digest_tree(path)
        from snakemake_renku.runner.digest import digest_tree

        return digest_tree(path)


def _signature(path: str | None) -> tuple[int, int] | None:
    """Tell one state of an image file from another."""
    try:
        stat = os.stat(path) if path is not None else None
    except (OSError, ValueError):
        return None
    return (stat.st_size, stat.st_mtime_ns) if stat is not None else None


def _local_path(url: str) -> str:
    if url.startswith("file://"):
        return unquote(urlsplit(url).path)
    for prefix in ("docker-archive:", "oci-archive:"):
        url = url.removeprefix(prefix)
    return url


def _layout_digest(folder: str) -> str:
    """Return the digest in an OCI image layout (Image Specification 1.1, "index.json")."""
    index = json.loads(Path(folder, "index.json").read_bytes())
    digests = [str(manifest["digest"]) for manifest in index["manifests"]]
    if len(digests) != 1 or not DIGEST.fullmatch(digests[0]):
        raise SettingsError(
            f"{folder}/index.json names {len(digests)} images.", remedy="Keep one image in it."
        )
    return digests[0]


def _read_sidecar(image: str) -> _Sidecar | None:
    try:
        known = msgspec.json.decode(Path(f"{image}.renku.json").read_bytes(), type=_Sidecar)
    except (OSError, msgspec.MsgspecError):
        return None
    digests = [known.file, *([known.manifest] if known.manifest is not None else [])]
    return known if all(DIGEST.fullmatch(digest) for digest in digests) else None


def _write_sidecar(image: str, known: _Sidecar) -> None:
    """Replace the file beside the image at one stroke, unless its folder is read-only."""
    folder, name = os.path.split(image)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder or os.curdir)
    except OSError as error:
        _logger.debug("Nothing is kept beside %s: %s", image, error)
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(known))
        os.chmod(temporary, 0o644)
        os.replace(temporary, f"{image}.renku.json")
    except OSError as error:
        _logger.debug("Nothing is kept beside %s: %s", image, error)
        with contextlib.suppress(OSError):
            os.unlink(temporary)
