"""Questions to slurmrestd over HTTP, HTTPS or a unix socket, one connection each.

Redirects are not followed: the token would go to a host that nobody named.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from snakemake_renku.errors import BackendUnavailable, SlurmUnavailable

TIMEOUT_S = 60.0
"""So long an answer may take; a busy controller answers late."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Answer(NamedTuple):
    """The status of HTTP and what the body says; an empty object where it is not JSON."""

    status: int
    body: dict[str, Any]
    text: str


class Address(NamedTuple):
    """Where slurmrestd is: a socket's path as ``host`` (``unix``), or a host and a port, and what
    all its paths begin with."""

    scheme: str
    host: str
    port: int | None
    prefix: str

    @property
    def readable_on_the_way(self) -> bool:
        """Whether others may read what is sent, the token among it."""
        return self.scheme == "http" and self.host not in _LOCAL

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"


def address(url: str) -> Address:
    """``unix:/path/to/socket``, ``http://host:6820`` or ``https://host/prefix``.

    Raises:
        BackendUnavailable: the address cannot be used; what it says of a user is not repeated.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return Address("unix", parts.path, None, "")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query:
        raise BackendUnavailable(
            "The address of slurmrestd cannot be used.",
            remedy="Give it as http://host:6820, https://host, or unix:/path/to/its/socket,"
            " without user, password or query; the token comes from SLURM_JWT.",
        )
    return Address(parts.scheme, host, port, parts.path.rstrip("/"))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(where: Address, timeout: float) -> http.client.HTTPConnection:
    if where.scheme == "unix":
        return _UnixConnection(where.host, timeout)
    if where.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(where.host, where.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(where.host, where.port, timeout=timeout)


def ask(
    where: Address,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    body: object = None,
    timeout: float = TIMEOUT_S,
) -> Answer:
    """One question and its answer, whatever its status.

    Raises:
        SlurmUnavailable: nobody answers in time.
        BackendUnavailable: what answers is not slurmrestd, or its certificate is not trusted.
    """
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers = {**headers, "Content-Type": "application/json"}
    connection = _connection(where, timeout)
    try:
        connection.request(method, where.prefix + path, body=data, headers=headers)
        response = connection.getresponse()
        answer, status, moved = response.read(), response.status, response.getheader("Location")
    except ssl.SSLCertVerificationError as error:
        raise BackendUnavailable(
            f"The certificate of slurmrestd at {where} is not trusted: {error.verify_message}.",
            remedy="Name the file with your site's certificate authority in SSL_CERT_FILE.",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        # None: what was sent, with the token, is in the frames of the cause.
        raise SlurmUnavailable(
            f"slurmrestd at {where} does not answer: {str(error) or type(error).__name__}.",
            remedy="Is the address right, and slurmrestd running there?",
        ) from None
    finally:
        connection.close()
    if 300 <= status < 400:
        raise BackendUnavailable(
            f"slurmrestd at {where} redirects to {moved or 'another address'}; it is not followed,"
            " since the token would go there.",
            remedy="If you trust that address, give it as the address of slurmrestd.",
        )
    return Answer(status, *_read(answer))


def _read(answer: bytes) -> tuple[dict[str, Any], str]:
    text = answer.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        return {}, text.strip()[:200]
    return (body, "") if isinstance(body, dict) else ({}, "")
