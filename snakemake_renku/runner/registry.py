"""Container registries: which image a reference names, and what a registry says it is now.

Registries are asked as in the OCI Distribution Specification 1.1, "Pulling manifests", and log in
as in "Token Authentication Specification" of the distribution project.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from snakemake_renku.errors import BackendUnavailable, SettingsError

if TYPE_CHECKING:
    import requests

SCHEMES = ("docker://", "oras://")
"""How the URL of an image in a registry begins."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_DOCKER_HUB = "docker.io"
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)

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


class ImageReference(NamedTuple):
    """An image in a registry; ``tag`` is None if only a digest was given."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None = None


def parse_reference(url: str) -> ImageReference:
    """Return the parts of ``docker://[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

    What is left out is filled in as Docker does (``docker.io``, ``library/``, ``latest``). Raises
    :class:`SettingsError` for anything else. Grammar: OCI Distribution Specification 1.1, "Pulling
    manifests".
    """
    rest = url
    for scheme in SCHEMES:
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
            if response.ok and DIGEST.fullmatch(told):
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
