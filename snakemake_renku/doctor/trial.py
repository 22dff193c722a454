"""The small job: submitted, waited for, talked with by files, and cleaned up."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from snakemake_renku.backends.slurm.client import Client, Request, Submission, TaskState
from snakemake_renku.backends.slurm.reasons import judge
from snakemake_renku.doctor import on_node
from snakemake_renku.doctor.report import Facts, Pace, Trial
from snakemake_renku.errors import BackendError, SlurmUnavailable

ROUNDS = 5
"""How often files go to and fro."""

SHARED_WITHIN_S, FAILED_WITHIN_S = 30.0, 3.0
"""What a job wrote is to be seen here within this time after its good, or bad, end."""

_LOOK_S, _ASK_S = 0.1, 2.0
_WAITS = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD"}
_ON = {"RUNNING", "COMPLETING", "SUSPENDED", "STAGE_OUT", "SIGNALING"}


def try_job(
    client: Client, request: Request, workdir: Path, timeout: float, tell: Callable[[str], None]
) -> Trial:
    """Run a job in ``workdir``, and give it ``timeout`` seconds to start; never raises for Slurm.

    ``tell`` hears why it waits.
    """
    place = workdir / ".snakemake" / "renku" / f"doctor-{secrets.token_hex(4)}"
    made = [folder for folder in (place, *place.parents) if not folder.exists()]
    place.mkdir(parents=True)
    try:
        return _Job(client, request, place, workdir).run(timeout, tell)
    except BackendError as error:
        return Trial(failure=str(error))
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for folder in made[1:]:
            with suppress(OSError):
                folder.rmdir()


class _Job:
    def __init__(self, client: Client, request: Request, place: Path, workdir: Path) -> None:
        self._client, self._request = client, request
        self._place, self._workdir = place, workdir
        self._name = f"renku-{place.name}"
        self._word = secrets.token_hex(8)

    def run(self, timeout: float, tell: Callable[[str], None]) -> Trial:
        (self._place / "word").write_text(self._word)
        shutil.copy(on_node.__file__, self._place / "on_node.py")
        began = time.monotonic()
        number = self._client.submit(self._submission())
        try:
            found = self._facts(began + timeout, tell)
            waited = round(time.monotonic() - began, 1)
            if isinstance(found, str):
                return Trial(number, waited, failure=found)
            same = found.word == self._word and found.inode == self._place.stat().st_ino
            return Trial(number, waited, found, same, self._pace())
        finally:
            with suppress(BackendError):
                self._client.cancel([(number, None)])

    def _submission(self) -> Submission:
        words = (sys.executable, "-P", str(self._place / "on_node.py"), str(self._place))
        return Submission(
            name=self._name,
            script=f"#!/bin/sh\nexec {shlex.join(words)} {ROUNDS}\n",
            workdir=str(self._workdir),
            output=str(self._place / "output"),
            request=self._request,
            comment="snakemake-renku doctor",
        )

    def _facts(self, until: float, tell: Callable[[str], None]) -> Facts | str:
        """What the job saw, or why it did not."""
        told, ask_at, ended_at = "", 0.0, None
        while True:
            found = _read(self._place / "facts.json")
            if found is not None:
                return msgspec.convert(found, Facts)
            now = time.monotonic()
            if now >= ask_at:
                ask_at = now + _ASK_S
                state = self._state()
                if state is None or state.state in _ON:
                    ended_at = None
                elif state.state not in _WAITS:
                    ended_at = ended_at or now
                    patience = SHARED_WITHIN_S if state.state == "COMPLETED" else FAILED_WITHIN_S
                    if now - ended_at >= patience:
                        return self._nothing_seen(state)
                else:
                    why = judge(state)
                    if why.kind == "never":
                        return f"It never starts: {why.words}"
                    if why.words != told:
                        tell(why.words)
                        told = why.words
            if ended_at is None and now > until:
                return f"It did not start in time. {told} Give it longer by --timeout.".strip()
            time.sleep(_LOOK_S)

    def _state(self) -> TaskState | None:
        try:
            return next(iter(self._client.tasks(self._name)), None)
        except SlurmUnavailable:
            return None

    def _nothing_seen(self, state: TaskState) -> str:
        where = f" on {', '.join(state.nodes)}" if state.nodes else ""
        try:
            output = (self._place / "output").read_text(errors="replace").strip()
        except OSError:
            return (
                f"It ended ({state.state}){where}, but nothing of it is to be seen here:"
                f" {self._workdir} is not the same folder there, or cannot be written to."
            )
        said = output.splitlines()[-1] if output else "nothing"
        return f"It ended ({state.state}){where}, and printed: {said}"

    def _pace(self) -> Pace | None:
        """How files and clocks go together, by as many rounds as were answered."""
        rounds: list[tuple[float, float, float, float]] = []
        for number in range(ROUNDS):
            sent = time.time()
            (self._place / f"ping.{number}").touch()
            until = time.monotonic() + on_node.PATIENCE_S
            while (answer := _read(self._place / f"pong.{number}")) is None:
                if time.monotonic() > until:
                    return None if not rounds else pace(rounds)
                time.sleep(on_node.INTERVAL_S)
            rounds.append((sent, answer["seen"], answer["wrote"], time.time()))
        return pace(rounds)


def pace(rounds: list[tuple[float, float, float, float]]) -> Pace:
    """From moments, each by the clock of its place: sent, seen there, answered there, seen here.

    The difference of the clocks is that of the fastest round, as in NTP (RFC 5905, section 8).
    """
    fastest = min(rounds, key=lambda each: (each[3] - each[0]) - (each[2] - each[1]))
    sent, seen, wrote, back = fastest
    clock = ((seen - sent) + (wrote - back)) / 2
    return Pace(
        clock=round(clock, 3),
        uncertain=round(((back - sent) - (wrote - seen)) / 2, 3),
        to_node=round(max(seen - clock - sent for sent, seen, _, _ in rounds), 3),
        from_node=round(max(back - (wrote - clock) for _, _, wrote, back in rounds), 3),
    )


def _read(path: Path) -> dict[str, float] | None:
    """A file of the job; None as long as it is not there."""
    try:
        # Opening the folder makes NFS look again for files that were missing.
        os.listdir(path.parent)
        found: dict[str, float] = json.loads(path.read_text())
    except OSError:
        return None
    return found
