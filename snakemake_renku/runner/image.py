"""What a container image really was: a manifest digest where that is known, else a file's hash.

A tag moves. What a registry says about it *now* is true of an image that Snakemake pulled earlier
only if it was pulled just now. So the answer is kept beside the pulled image::

    <image_path>.renku.json     {"url", "manifest", "file", "size", "mtime_ns"}

and trusted later while size and time of the image agree. An image that is older than the run and
has no such file is named by the sha256 of its bytes: true, though nobody can pull by it.

Registries are asked as in the OCI Distribution Specification 1.1, "Pulling manifests", and log in
as in "Token Authentication Specification" of the distribution project.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from snakemake_renku.errors import BackendUnavailable, RenkuError, SettingsError

if TYPE_CHECKING:
    import requests

_logger = logging.getLogger(__name__)

ImageKind = Literal["manifest", "file", "tree"]
Digest = Callable[[str], str]


class ImageDigest(NamedTuple):
    """A digest and what it is a digest of; both None where it is unknown."""

    digest: str | None = None
    kind: ImageKind | None = None


class ImageReference(NamedTuple):
    """An image in a registry; ``tag`` is None if only a digest was given."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None = None


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


# --- References ----------------------------------------------------------------------------------

_DOCKER_HUB = "docker.io"
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IN_REGISTRY = ("docker://", "oras://")


def parse_reference(url: str) -> ImageReference:
    """Return the parts of ``docker://[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

    What is left out is filled in as Docker does (``docker.io``, ``library/``, ``latest``). Raises
    :class:`SettingsError` for anything else. Grammar: OCI Distribution Specification 1.1, "Pulling
    manifests".
    """
    rest = url
    for scheme in _IN_REGISTRY:
        rest = rest.removeprefix(scheme)
    registry, slash, name = rest.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, name = _DOCKER_HUB, rest
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = _DOCKER_HUB
    match = _REFERENCE.fullmatch(name)
    if match is None or not re.fullmatch(r"[\w.-]+(:[0-9]+)?", registry, re.ASCII):
        raise SettingsError(
            f"{url!r} is no reference to an image in a registry.",
            remedy="Write it as docker://HOST/NAME:TAG or docker://HOST/NAME@sha256:HEX.",
        )
    repository, tag, digest = match.group("name", "tag", "digest")
    if registry == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if tag is None and digest is None:
        tag = "latest"
    return ImageReference(registry, repository, tag, digest)


# --- From a URL and a path to a digest -----------------------------------------------------------


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
        if self.url.startswith(_IN_REGISTRY):
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
    if len(digests) != 1 or not _DIGEST.fullmatch(digests[0]):
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
    return known if all(_DIGEST.fullmatch(digest) for digest in digests) else None


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


# --- Registries ----------------------------------------------------------------------------------

_TIMEOUT = 5.0
"""Seconds for all that is asked about one image."""

_LARGEST_MANIFEST = 4 << 20
"""Bytes; what a registry has to accept at least (OCI Distribution Specification 1.1, "Push")."""

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def ask_registry(reference: ImageReference) -> str:
    """Return the manifest digest that the registry gives for a tag now, within 5 s.

    Of an image for many platforms that is the digest of its index. Raises
    :class:`BackendUnavailable`.
    """
    import requests

    try:
        with requests.Session() as session:
            return _Registry(session, reference).digest()
    except requests.RequestException as error:
        raise BackendUnavailable(
            f"the registry {reference.registry} does not answer ({type(error).__name__}).",
            remedy="Check the network and the proxy of this machine, or pin the image by @sha256.",
        ) from error


class _Registry:
    """One conversation with one registry about one image."""

    def __init__(self, session: requests.Session, reference: ImageReference) -> None:
        self._session = session
        self._reference = reference
        self._deadline = time.monotonic() + _TIMEOUT
        self._is_local = reference.registry.partition(":")[0] in ("localhost", "127.0.0.1")
        self._authorization: str | None = None
        session.headers["User-Agent"] = "snakemake-renku"
        # No proxy leads to this machine itself.
        session.trust_env = not self._is_local

    def digest(self) -> str:
        """Return the digest by HEAD, or the hash of what GET returns if HEAD does not tell."""
        with self._manifest("HEAD") as response:
            told = response.headers.get("Docker-Content-Digest", "")
            if response.ok and _DIGEST.fullmatch(told):
                return told
            if not response.ok and response.status_code != 405:
                raise self._refused(response.status_code)
        with self._manifest("GET") as response:
            if not response.ok:
                raise self._refused(response.status_code)
            return _hash_of_body(response)

    def _manifest(self, method: str) -> requests.Response:
        reference = self._reference
        host = "registry-1.docker.io" if reference.registry == _DOCKER_HUB else reference.registry
        scheme = "http" if self._is_local else "https"
        url = f"{scheme}://{host}/v2/{reference.repository}/manifests/{reference.tag}"
        response = self._request(method, url, self._authorization)
        if response.status_code == 401 and self._authorization is None:
            challenge = response.headers.get("WWW-Authenticate", "")
            response.close()
            self._authorization = self._log_in(challenge)
            response = self._request(method, url, self._authorization)
        return response

    def _request(
        self,
        method: str,
        url: str,
        authorization: str | None,
        params: dict[str, str] | None = None,
    ) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # Given as `auth`, so that requests does not put in what a .netrc says.
            if authorization is not None:
                request.headers["Authorization"] = authorization
            return request

        response = self._session.request(
            method,
            url,
            params=params,
            headers={"Accept": _ACCEPT},
            auth=sign,
            timeout=max(0.1, self._deadline - time.monotonic()),
            allow_redirects=True,
            stream=True,
        )
        for step in (*response.history, response):
            self._check_scheme(step.url)
        return response

    def _check_scheme(self, url: str) -> None:
        if not self._is_local and not url.startswith("https://"):
            raise BackendUnavailable(
                f"the registry {self._reference.registry} leads to an address without TLS.",
                remedy="Pin the image by @sha256.",
            )

    def _log_in(self, challenge: str) -> str:
        """Return the Authorization header that a challenge asks for."""
        scheme, _, rest = challenge.partition(" ")
        credentials = _credentials(self._reference.registry)
        if scheme.lower() == "basic" and credentials is not None:
            return credentials
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise self._refused(401)
        self._check_scheme(realm)
        asked = {"scope": parameters.get("scope", f"repository:{self._reference.repository}:pull")}
        if "service" in parameters:
            asked["service"] = parameters["service"]
        with self._request("GET", realm, credentials, asked) as response:
            if not response.ok:
                raise self._refused(response.status_code)
            answer = response.json()
        token = isinstance(answer, dict) and (answer.get("token") or answer.get("access_token"))
        if not token:
            raise self._refused(401)
        return f"Bearer {token}"

    def _refused(self, status: int) -> BackendUnavailable:
        registry, repository, tag, _ = self._reference
        remedy = {
            401: f"Log in by `docker login {registry}` with credentials kept in its config.json.",
            403: f"Log in by `docker login {registry}` with credentials kept in its config.json.",
            404: "Check the image's name and tag.",
            429: "Wait a while or log in, as this registry limits how often one may ask.",
        }.get(status, "Try again later, or pin the image by @sha256.")
        return BackendUnavailable(
            f"the registry {registry} answers {status} for {repository}:{tag}.", remedy=remedy
        )


def _hash_of_body(response: requests.Response) -> str:
    digest, size = hashlib.sha256(), 0
    for block in response.iter_content(1 << 16):
        digest.update(block)
        size += len(block)
        if size > _LARGEST_MANIFEST:
            raise BackendUnavailable("the registry's manifest is larger than 4 MiB.")
    return f"sha256:{digest.hexdigest()}"


def _credentials(registry: str) -> str | None:
    """Return the basic Authorization header for a registry, if somebody logged in with a file.

    Reads ``auths`` of Docker's ``config.json`` and Apptainer's ``docker-config.json``; programs
    that keep credentials (``credsStore``, ``credHelpers``) are not run.
    """
    names = {registry, "index.docker.io"} if registry == _DOCKER_HUB else {registry}
    for path in _credential_files():
        try:
            auths = json.loads(path.read_bytes())["auths"]
            for key, entry in auths.items():
                if re.sub(r"^https?://|(/v[12])?/?$", "", key) in names and (
                    secret := _basic(entry)
                ):
                    return f"Basic {secret}"
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return None


def _credential_files() -> Iterator[Path]:
    for variable, folder, name in (
        ("APPTAINER_CONFIGDIR", ".apptainer", "docker-config.json"),
        ("DOCKER_CONFIG", ".docker", "config.json"),
    ):
        where = os.environ.get(variable)
        with contextlib.suppress(RuntimeError):  # no home folder
            yield (Path(where) if where else Path.home() / folder) / name


def _basic(entry: dict[str, str]) -> str | None:
    secret = entry.get("auth")
    if not secret and "username" in entry and "password" in entry:
        pair = f"{entry['username']}:{entry['password']}"
        secret = base64.b64encode(pair.encode()).decode()
    with contextlib.suppress(binascii.Error):
        return secret if secret and b":" in base64.b64decode(secret) else None
    return None
