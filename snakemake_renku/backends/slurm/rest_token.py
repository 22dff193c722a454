"""The token (JWT, RFC 7519) by which slurmrestd knows a user, and how long it holds."""

from __future__ import annotations

import base64
import binascii
import json
import time

from snakemake_renku.errors import BackendUnavailable

REMEDY = (
    "Make a new one on the cluster and hand it over in the environment:"
    " export $(scontrol token lifespan=86400), with a lifespan in seconds that outlasts the run."
)


class Token:
    """A token that no message, log or ``repr`` ever shows; empty for a unix socket without one."""

    __slots__ = ("_expires", "_text")

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        if not self._text.isascii() or any(c.isspace() for c in self._text):
            raise BackendUnavailable("SLURM_JWT does not hold a token.", remedy=REMEDY)
        self._expires = _expiry(self._text)

    def __repr__(self) -> str:
        return "Token(…)" if self._text else "Token('')"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> str:
        raise TypeError("A token is not to be stored.")

    def headers(self, user: str) -> dict[str, str]:
        """What a request carries.

        Raises:
            BackendUnavailable: the token has expired.
        """
        if not self._text:
            return {}
        if self._expires is not None and time.time() >= self._expires:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._expires))
            raise BackendUnavailable(f"The token for slurmrestd expired at {when}.", remedy=REMEDY)
        return {"X-SLURM-USER-NAME": user, "X-SLURM-USER-TOKEN": self._text}


def _expiry(token: str) -> float | None:
    """When it expires, in seconds since the epoch, as far as it says so itself."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    expires = claims.get("exp") if isinstance(claims, dict) else None
    return float(expires) if isinstance(expires, int | float) else None
