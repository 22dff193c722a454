"""Runs as W3C PROV: what was done, by whom, with which plan, from what, and what came of it.

A document is built with the package ``prov`` from one journal or several (:mod:`.build`), checked
against the constraints of PROV (:mod:`.constraints`), and written (:mod:`.formats`).
``docs/prov.md`` says what is expressed how.
"""

from snakemake_renku.provenance.prov.build import document_of_runs, document_of_verdict
from snakemake_renku.provenance.prov.constraints import Violation, check, violations
from snakemake_renku.provenance.prov.formats import Format, write, write_verdict

__all__ = [
    "Format",
    "Violation",
    "check",
    "document_of_runs",
    "document_of_verdict",
    "violations",
    "write",
    "write_verdict",
]
