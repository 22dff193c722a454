"""The page: one HTML file with its style, its program and its data."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import Verdict
from snakemake_renku.report.document import counts, encode

PROGRAM = (
    "data",
    "text",
    "dom",
    "table",
    "layout",
    "drawing",
    "head",
    "failures",
    "verdicts",
    "graph",
    "timeline",
    "paint",
    "usage",
    "jobs",
    "files",
    "environments",
    "job",
    "file",
    "panel",
    "main",
)
"""The parts of the program, in ``assets/``, in the order in which they stand in the page."""

STYLE = ("colours", "page", "parts", "drawings", "tables", "narrow", "print")
"""The parts of the style, likewise."""


def page(run: RunHistory, verdicts: Sequence[Verdict] = (), remarks: Sequence[str] = ()) -> bytes:
    """The report on ``run`` as HTML in UTF-8; the same run and verdicts give the same bytes.

    ``remarks`` are shown among the notices of the run.

    The page asks for nothing beyond itself, and its content security policy (CSP level 2, hashes
    of the one style and the one script) lets nothing else in.
    """
    style, program = _style(), _program()
    text = Template(_asset("page.html")).substitute(
        title=html.escape(_title(run)),
        summary=html.escape(_summary(run)),
        style_hash=_hash(style),
        script_hash=_hash(program),
        style=style,
        program=program,
        data=_embedded(encode(run, verdicts, remarks)),
    )
    return text.encode()


def _title(run: RunHistory) -> str:
    return f"Run {run.info.run}: {run.status}"


def _summary(run: RunHistory) -> str:
    """What a reader without JavaScript learns."""
    jobs = ", ".join(f"{count} {state}" for state, count in counts(run).items()) or "none"
    return f"{_title(run)}. Snakefile {run.info.snakefile}; jobs: {jobs}."


def _style() -> str:
    return "\n".join(_asset(f"{name}.css") for name in STYLE)


def _program() -> str:
    parts = "\n".join(_asset(f"{name}.js") for name in PROGRAM)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _asset(name: str) -> str:
    return files("snakemake_renku.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(data: bytes) -> str:
    r"""JSON that may stand in a ``<script>``.

    ``<`` is written ``\u003c``: only ``</script`` and ``<!--`` end or bend what a browser reads
    there (HTML Living Standard, 4.12.1.3, restrictions for contents of script elements).
    """
    return data.decode().replace("<", "\\u003c")
