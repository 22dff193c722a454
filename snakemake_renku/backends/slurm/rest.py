"""Slurm through slurmrestd, its REST daemon: no command of Slurm is needed, from wherever.

API versions: v0.0.38 (Slurm 22.05) and v0.0.42 to v0.0.45 (26.05) were tried with real servers.
https://slurm.schedmd.com/rest_api.html describes them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from snakemake_renku.backends.slurm import rest_cluster, rest_jobs, rest_submit
from snakemake_renku.backends.slurm.client import Cluster, Submission, TaskId, TaskState
from snakemake_renku.backends.slurm.complaints import refusal
from snakemake_renku.backends.slurm.rest_http import Answer, address, ask
from snakemake_renku.backends.slurm.rest_problems import (
    ALREADY_OVER,
    NO_DESCRIPTION,
    NO_SUCH_JOB,
    NOTHING_FOUND,
    problems,
    told,
    unavailable,
)
from snakemake_renku.backends.slurm.rest_token import REMEDY, Token
from snakemake_renku.errors import (
    AccountingUnavailable,
    BackendError,
    BackendUnavailable,
    SlurmUnavailable,
)

KNOWN = range(45, 37, -1)
"""API versions that are understood here, in the order in which they are tried."""

_FIRST_WITH_CONFIG = 45
_FIRST_WITH_BULK_CANCEL = 41
_IDS_IN_ONE_QUESTION = 100


class RestClient:
    """Talks to one cluster through its slurmrestd.

    ``url`` is ``http://host:port``, ``https://host`` or ``unix:/path``; ``user`` is whose jobs they
    are; ``token`` a JWT, which may be empty for a unix socket; ``version`` the number of an API
    version (45 for v0.0.45), found out by the first question if None.

    Raises:
        BackendUnavailable: the address or the token cannot be used.
    """

    name = "rest"

    def __init__(self, url: str, user: str, token: str, *, version: int | None = None) -> None:
        self._where = address(url)
        self._user = user
        self._token = Token(token)
        self._version = version
        self._sizes: dict[int, int] = {}
        if self._where.scheme != "unix" and not self._token:
            raise BackendUnavailable(f"{self._what} wants a token.", remedy=REMEDY)
        self.warning: str | None = None
        """What the user should know of this way to the cluster."""
        if self._where.readable_on_the_way:
            self.warning = (
                f"The token goes to {self._where} without encryption, where others may read it and"
                " submit jobs as you. Ask for an address with https, or use a tunnel (ssh -L)."
            )
            warnings.warn(self.warning, UserWarning, stacklevel=2)

    def __repr__(self) -> str:
        return f"RestClient({str(self._where)!r}, {self._user!r})"

    @property
    def _what(self) -> str:
        return f"slurmrestd at {self._where}"

    def submit(self, submission: Submission) -> int:
        """Submit; the job's number."""
        version = self._api()
        body = rest_submit.body(submission, version)
        answer = self._ask("POST", f"/slurm/v0.0.{version}/job/submit", body=body)
        job = answer.body.get("job_id")
        if isinstance(job, int) and job > 0 and answer.status < 400:
            if submission.tasks is not None:
                self._sizes[job] = submission.tasks
            return job
        error = unavailable(answer, self._what)
        if error is not None:
            raise error
        raise refusal(told(problems(answer)))

    def tasks(self, name: str) -> list[TaskState]:
        """All of this user's jobs with this name that the controller still knows."""
        records = self._get("slurm", "jobs/").get("jobs") or []
        return list(
            rest_jobs.unfold(rest_jobs.named(records, name, self._user), self._pending_tasks)
        )

    def _pending_tasks(self, job: int) -> Sequence[int]:
        try:
            return rest_jobs.waiting(self._stored([job]), job)
        except AccountingUnavailable:
            # Some may have ended long ago; but one taken for pending is seen to be over later,
            # while one that is missing would be taken for lost.
            return range(1, self._sizes.get(job, 0) + 1)

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        """What accounting knows of these jobs and their steps."""
        states = rest_jobs.stored(self._stored(list(dict.fromkeys(jobs))))
        if all(state.exit_code is not None for state in states):
            return states
        try:
            records = self._get("slurm", "jobs/").get("jobs") or []
        except SlurmUnavailable:
            return states
        return rest_jobs.completed(states, rest_jobs.unfold(records, lambda job: ()))

    def _stored(self, jobs: Sequence[int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        older = self._api() <= rest_submit.LAST_OLDER
        for start in range(0, len(jobs), _IDS_IN_ONE_QUESTION):
            ids = [str(job) for job in jobs[start : start + _IDS_IN_ONE_QUESTION]]
            # Of repeated words the older form reads the last, and the newer takes no list in one.
            query = f"step={quote(','.join(ids))}" if older else "&".join(f"step={i}" for i in ids)
            found.extend(self._accounting(f"jobs/?{query}").get("jobs") or [])
        return found

    def describe(self, task: TaskId) -> TaskState | None:
        """All that the controller knows of one job or task, or None if it has forgotten it."""
        job, index = task
        version = self._api()
        answer = self._ask("GET", f"/slurm/v0.0.{version}/job/{job}")
        numbers = {problem.number for problem in problems(answer)}
        if numbers & {NO_SUCH_JOB, NO_DESCRIPTION}:
            return None
        records = self._served(answer).get("jobs") or []
        states = list(rest_jobs.unfold(records, self._pending_tasks))
        wanted = (state for state in states if (state.job, state.task) == (job, index))
        found = next(wanted, None)
        if found is None and index is None and states:
            return states[0]
        return found

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        """Cancel these; those that have ended are passed over."""
        version = self._api()
        ids = list(rest_jobs.array_ids(tasks))
        if version >= _FIRST_WITH_BULK_CANCEL:
            for start in range(0, len(ids), _IDS_IN_ONE_QUESTION):
                wanted = {"jobs": ids[start : start + _IDS_IN_ONE_QUESTION]}
                self._served(self._ask("DELETE", f"/slurm/v0.0.{version}/jobs/", body=wanted))
            return
        for each in ids:
            answer = self._ask("DELETE", f"/slurm/v0.0.{version}/job/{quote(each, safe='')}")
            if not {found.number for found in problems(answer)} & {NO_SUCH_JOB, ALREADY_OVER}:
                self._served(answer)

    def cluster(self) -> Cluster:
        """What the cluster says of itself."""
        version = self._api()
        ping = self._get("slurm", "ping/")
        conf: dict[str, Any] = {}
        if version >= _FIRST_WITH_CONFIG:
            conf = self._get("slurm", "conf").get("slurm_conf") or {}
        name, accounting = rest_cluster.cluster_name(ping), rest_cluster.stores_jobs(ping)
        if not name or accounting is None:
            try:
                clusters = self._accounting("clusters/").get("clusters") or []
            except AccountingUnavailable:
                accounting = False
            else:
                accounting = True
                name = name or (str(clusters[0].get("name", "")) if len(clusters) == 1 else "")
        return rest_cluster.assemble(
            ping,
            self._get("slurm", "partitions/").get("partitions") or [],
            self._get("slurm", "nodes/").get("nodes") or [],
            conf,
            name=name,
            accounting=accounting,
        )

    def _api(self) -> int:
        """The number of the API version, asked for once."""
        if self._version is None:
            self._version = self._negotiated()
        return self._version

    def _negotiated(self) -> int:
        for version in KNOWN:
            answer = self._ask("GET", f"/slurm/v0.0.{version}/ping/")
            if answer.status != 404:
                self._served(answer)
                return version
        answer = self._ask("GET", "/openapi/v3")
        found = {
            int(match.group(1))
            for path in answer.body.get("paths") or {}
            if (match := re.match(r"/slurm/v0\.0\.(\d+)/", path))
        }
        if newer := [version for version in found if version > KNOWN[0]]:
            return min(newer)
        has = ", ".join(f"v0.0.{version}" for version in sorted(found)) or "none"
        raise BackendUnavailable(
            f"{self._what} serves no API version that is understood here (it has {has}).",
            remedy="Is this the address of a slurmrestd of Slurm 22.05 or newer?",
        )

    def _get(self, plugin: str, path: str) -> dict[str, Any]:
        return self._served(self._ask("GET", f"/{plugin}/v0.0.{self._api()}/{path}"))

    def _accounting(self, path: str) -> dict[str, Any]:
        answer = self._ask("GET", f"/slurmdb/v0.0.{self._api()}/{path}")
        found = [problem for problem in problems(answer) if problem.number != NOTHING_FOUND]
        if not found:
            return answer.body
        error = unavailable(answer, self._what)
        if error is not None and not isinstance(error, SlurmUnavailable):
            raise error
        raise AccountingUnavailable(
            f"{self._what} does not tell of ended jobs: {told(found)}.",
            remedy="Does the cluster have accounting (slurmdbd), and is it running?",
        )

    def _served(self, answer: Answer) -> dict[str, Any]:
        error = unavailable(answer, self._what)
        if error is None and (answer.status >= 400 or problems(answer)):
            kind = SlurmUnavailable if answer.status >= 500 else BackendError
            error = kind(
                f"{self._what} cannot answer: {told(problems(answer))}.",
                remedy="If this lasts, show it to the cluster's staff: slurmrestd's log has more.",
            )
        if error is not None:
            raise error
        return answer.body

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        headers = {"Accept": "application/json", **self._token.headers(self._user)}
        return ask(self._where, method, path, headers=headers, body=body)
