"""roc-validator without a network: with the JSON-LD contexts that a crate refers to in its cache.

RO-Crate's own context (1.1) is the one that the package ``rocrate`` brings along, unchanged. That
of the Workflow Run terms is not packaged anywhere, so it is made here of the list of terms that the
profiles define, each under the namespace of the vocabulary: what it cannot show is a mistake in
the published context document itself.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import requests
import requests.adapters
from requests_cache import CachedSession
from urllib3 import HTTPResponse

TERMS = "https://w3id.org/ro/terms/workflow-run"
WORKFLOW_RUN_TERMS = (
    *("ParameterConnection", "connection", "sourceParameter", "targetParameter"),
    *("containerImage", "ContainerImage", "DockerImage", "SIFImage", "registry", "tag", "sha256"),
    *("environment", "resourceUsage"),
)


def contexts() -> dict[str, bytes]:
    """Documents by the addresses under which crates refer to them."""
    base = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    assert json.loads(base)["version"] == "1.1.0"
    terms = {term: f"{TERMS}#{term}" for term in WORKFLOW_RUN_TERMS}
    return {
        "https://w3id.org/ro/crate/1.1/context": base,
        f"{TERMS}/context": json.dumps({"@context": terms}).encode(),
    }


class _Shelf(requests.adapters.HTTPAdapter):
    """Answers from the documents above, and with 404 to all else."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        body = contexts().get(request.url)
        answer = HTTPResponse(
            body=io.BytesIO(body or b""),
            headers={"Content-Type": "application/ld+json"},
            status=404 if body is None else 200,
            preload_content=False,
        )
        return self.build_response(request, answer)


def make_cache(path: Path) -> Path:
    """A cache of the validator that holds the contexts."""
    session = CachedSession(str(path), backend="sqlite", expire_after=-1)
    session.mount("https://", _Shelf())
    for address in contexts():
        assert session.get(address).status_code == 200
    return path


def validate(crate: Path, cache: Path, severity: str = "required") -> list[dict[str, Any]]:
    """The issues that the validator finds in a crate, by its profile provenance-run-crate-0.5."""
    report = cache.with_name("report.json")
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("rocrate-validator")), "--no-interactive"),
            *("validate", "--offline", "--cache-path", str(cache), "--no-paging"),
            *("--profile-identifier", "provenance-run-crate-0.5"),
            *("--requirement-severity", severity),
            *("--output-format", "json", "--output-file", str(report), str(crate)),
        ],
        capture_output=True,
        text=True,
    )
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    statistics = found["statistics"]
    assert statistics["total_checks"] >= 80, statistics
    assert statistics["total_skipped_checks"] == 0, statistics
    issues: list[dict[str, Any]] = found["issues"]
    return issues
