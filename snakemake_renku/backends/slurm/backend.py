"""Slurm: jobs in arrays, each beside a runner of its own, watched in bulk.

One thread decides it all: it puts jobs together and has them submitted, looks for the ends that
runners write on the shared file system, and has Slurm asked about all of them at once, to learn
what no runner can tell. It never waits for Slurm itself (``calls.py``).
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread

import msgspec

from snakemake_renku.backends.base import (
    BackendEvent,
    Closed,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
    Said,
)
from snakemake_renku.backends.slurm.arrays import MOST_TASKS, Wanted, batches, submission
from snakemake_renku.backends.slurm.batch import Batch, Live
from snakemake_renku.backends.slurm.calls import Answer, Calls
from snakemake_renku.backends.slurm.client import Client, Cluster, Submission, TaskId, TaskState
from snakemake_renku.backends.slurm.details import Details
from snakemake_renku.backends.slurm.endings import ending, needs_slurms_word, standing
from snakemake_renku.backends.slurm.left import Left, claim, submitted_jobs
from snakemake_renku.backends.slurm.pace import Pace
from snakemake_renku.backends.slurm.placing import Placing
from snakemake_renku.backends.slurm.reasons import judge
from snakemake_renku.backends.stream import EventStream
from snakemake_renku.errors import (
    BackendError,
    BackendUnavailable,
    RenkuError,
    SlurmUnavailable,
)
from snakemake_renku.model import Failure, FailureKind, FileSpec, JobRecord, JobSpec
from snakemake_renku.runner import spool

_QUIET_S = 0.06
"""Jobs are submitted when so long no more have come, …"""

_GATHER_S = 0.5
"""… or the first of them has waited so long."""

_MINUTE = 60.0
_GONE_S = 12.0
_CANCEL_S = 20.0
"""So long Slurm may take to end what was cancelled before it is told of."""

_SLOW_S = 15.0
"""So long Slurm may take to answer before the user hears of it."""

_STUMBLES = 20
"""So many faults of our own in one run are too many."""

_LATE_S = 15.0
"""So late a network file system may show a new file to others."""

_LOOK_S = 0.8
"""So often the end of a job that Slurm calls over is looked for."""

_BAD_NODE = ("node_lost", "launch_failed")


@dataclass(frozen=True)
class _Cancel:
    ids: tuple[str, ...] | None


@dataclass(frozen=True)
class _Take:
    live: Live


@dataclass(frozen=True)
class _Sent:
    """A submission of which Slurm has not said yet whether it is taken."""

    place: Path
    group: tuple[Wanted, ...]
    asked: Submission


_Order = JobSpec | _Cancel | _Take | Answer | str


class SlurmBackend:
    """Runs jobs as tasks of Slurm arrays.

    ``snapshot`` is the pickled workflow for jobs that need Snakemake beside them (None where it
    cannot be had), ``environment`` variables for the jobs that no file may hold; ``partitions`` and
    ``throttle`` are the settings of these names.

    Raises:
        BackendUnavailable: the folder of the run cannot be written.
    """

    name = "slurm"

    def __init__(
        self,
        run: spool.TaskRun,
        snapshot: bytes | None,
        client: Client,
        *,
        partitions: Sequence[str] = (),
        throttle: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = dict(environment or {})
        self._run, self._client, self._throttle = run, client, throttle
        self._folder = folder_of_runs(run.workdir) / run.run
        try:
            # It is there already where the link to Slurm broke, and is opened again.
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            self._lock = claim(self._folder)
            spool.put_struct(self._folder / spool.RUN, run)
            if snapshot is not None:
                spool.put(self._folder / spool.WORKFLOW, snapshot)
        except OSError as error:
            raise BackendUnavailable(
                f"The folder of the run's jobs {self._folder} cannot be made: {error.strerror}.",
                remedy="The working directory must be writable, and on a file system that the"
                " compute nodes have too.",
            ) from error
        self._stream = EventStream()
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._placing = Placing(client, partitions)
        try:
            self._left = Left(self._folder.parent, run.run, client)
        except RenkuError:
            self._lock.close()
            raise
        self._calls = Calls(self._orders.put)
        self._details = Details(client, self._calls)
        self._queued: list[JobSpec] = []
        self._first = self._latest = 0.0
        self._batches: list[Batch] = []
        self._by_id: dict[str, Live] = {}
        self._groups: list[list[Wanted]] = []
        self._most_tasks = MOST_TASKS
        self._sent: _Sent | None = None
        self._doomed: set[str] = set()
        self._to_cancel: list[Live] = []
        self._to_drop: dict[TaskId, None] = {}
        self._bad_nodes: dict[str, None] = {}
        self._told: set[object] = set()
        self._numbers = _highest(self._folder)
        self._cpu_s = 0.0
        self._answered = 0.0
        self._stumbles = 0
        self._undone_since: float | None = None
        self._unfinished = False
        self._doubt: _Sent | None = None
        self._ends, self._asks = Pace(0.1, 2.0), Pace(1.0, 15.0)
        self._submits, self._cancels = Pace(0.0, 30.0), Pace(1.0, 5.0)
        self._history = Pace(5.0, 60.0)
        self._closing = self._leaving = False
        self._thread = Thread(target=self._work, name="renku-slurm", daemon=True)
        self._thread.start()

    # --- the seam ---------------------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs, to be submitted together with others that come at the same time."""
        for spec in specs:
            self._orders.put(spec)

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all."""
        self._orders.put(_Cancel(None if ids is None else tuple(ids)))

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Not for this backend: files of local jobs are on the submitting machine."""
        raise BackendError("Files are hashed by the backend of this machine.")

    def events(self) -> AsyncIterator[BackendEvent]:
        """What happens, until the backend is closed or lost."""
        return self._stream.events()

    def close(self) -> None:
        """Take no more jobs, and end once those that run have ended."""
        self._orders.put("close")

    def leave(self) -> int:
        """End now, and leave the jobs running; how many they are."""
        self._orders.put("leave")
        self._thread.join(_CANCEL_S)
        sent = self._sent or self._doubt
        return len(self._by_id) + (len(sent.group) if sent is not None else 0)

    def reattach(self, spec: JobSpec, *, unconfirmed: Callable[[], bool]) -> bool:
        """Take up a job that a run before this one left with Slurm, if it is the same work.

        ``unconfirmed`` tells if Snakemake does not know its output to be whole: only then the end
        of a job that is over is taken. One that would be in the way of ``spec`` is cancelled.
        """
        left = self._left.match(spec, unconfirmed=unconfirmed)
        if left is None:
            return False
        batch = next((b for b in self._batches if b.place == left.place), None)
        if batch is None:
            batch = Batch(left.name, left.place, left.job, left.array, adopted=True)
            self._batches.append(batch)
        self._orders.put(_Take(Live(spec, batch, left.number)))
        return True

    def most(self, spec: JobSpec) -> tuple[int | None, int | None]:
        """How much memory (MB) and time (minutes) ``spec`` could get here; None if that is open."""
        return self._placing.most(spec)

    # --- the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        last: BackendEvent
        try:
            while not self._is_done():
                self._take_orders(self._delay())
                self._turn()
            if not self._leaving:
                self._clean_up()
            last = Closed(self._cpu_s)
        except Exception as error:  # whatever it was: the run must hear of it
            self._end_all()
            last = Lost(f"The link to Slurm broke: {type(error).__name__}: {error}.")
        finally:
            self._lock.close()
        self._stream.say(last)

    def _turn(self) -> None:
        for step in (
            self._cancel_wanted,
            self._submit,
            self._look_for_ends,
            self._ask,
            self._details.ask,
            self._tell_if_slow,
            self._settle,
        ):
            try:
                step()
            except Exception as error:  # one fault is not to cost all jobs
                self._stumble(error)

    def _stumble(self, error: Exception) -> None:
        self._stumbles += 1
        if self._stumbles > _STUMBLES:
            raise error
        words = f"{type(error).__name__}: {error}"
        self._tell_once(words, f"A fault of snakemake-renku was passed over: {words}.")
        time.sleep(0.1)

    def _is_done(self) -> bool:
        if self._leaving:
            return True
        to_do = self._by_id or self._queued or self._groups or self._sent or self._doubt
        return self._closing and not to_do and not self._to_drop

    def _end_all(self) -> None:
        """Have Slurm end what runs, for it is begun again by others."""
        jobs = dict.fromkeys(live.batch.job for live in self._by_id.values())
        with contextlib.suppress(Exception):
            self._client.cancel([(job, None) for job in jobs])

    def _delay(self) -> float:
        delays = [1.0]
        waits = self._queued or self._groups or self._doubt
        if waits and not self._calls.busy("submit"):
            quiet = 0.0 if self._groups or self._doubt else self._quiet_left()
            delays.append(max(self._submits.delay, quiet))
        if (self._to_cancel or self._to_drop) and not self._calls.busy("cancel"):
            delays.append(self._cancels.delay)
        if self._by_id:
            delays.append(self._ends.delay)
            if not self._calls.busy("ask"):
                delays.append(self._asks.delay)
        if any(live.end or live.over_since for live in self._by_id.values()):
            delays.append(0.3)
        return max(0.005, min(delays))

    def _tell_if_slow(self) -> None:
        if self._calls.longest_s > _SLOW_S:
            self._tell_once(
                "silent",
                f"Slurm has not answered for {_SLOW_S:.0f} s. Jobs that run go on, and their ends"
                " are heard of; others wait for it to answer.",
            )

    def _take_orders(self, delay: float) -> None:
        with contextlib.suppress(queue.Empty):
            order = self._orders.get(timeout=delay)
            while True:
                self._obey(order)
                order = self._orders.get_nowait()

    def _obey(self, order: _Order) -> None:
        match order:
            case JobSpec():
                now = time.monotonic()
                self._first = now if not self._queued else self._first
                self._latest = now
                self._queued.append(order)
            case _Take():
                order.live.batch.live[order.live.number] = order.live
                self._by_id[order.live.spec.id] = order.live
                self._ends.soon()
                self._asks.soon()
            case _Cancel():
                self._want_cancelled(order.ids)
            case Answer():
                try:
                    self._calls.hear(order)
                except Exception as error:  # as in a step
                    self._stumble(error)
            case "leave":
                self._leaving = True
            case _:
                self._closing = True

    # --- submitting -------------------------------------------------------------------------

    def _quiet_left(self) -> float:
        now = time.monotonic()
        return max(0.0, min(self._latest + _QUIET_S - now, self._first + _GATHER_S - now))

    def _submit(self) -> None:
        if self._calls.busy("submit") or self._submits.delay > 0:
            return
        if self._doubt is not None:
            ask = partial(self._client.tasks, self._run.run)
            self._calls.begin("submit", ask, self._resolve_doubt, self._cannot_submit)
        elif self._groups:
            self._send(self._groups.pop(0))
        elif self._queued and self._quiet_left() <= 0:
            self._calls.begin("submit", self._placing.cluster, self._group, self._cannot_submit)

    def _group(self, cluster: Cluster | None) -> None:
        """Put the jobs that wait together; the cluster has just been asked about itself."""
        if isinstance(self._placing.problem, SlurmUnavailable):
            self._cannot_submit(self._placing.problem)
            return
        specs, self._queued = self._queued, []
        wanted = [each for spec in specs if (each := self._wanted(spec)) is not None]
        for words in self._placing.warnings:
            self._tell_once(words, words)
        self._placing.warnings.clear()
        most = min(self._placing.max_array_size, self._most_tasks + 1)
        self._groups = list(batches(wanted, most))

    def _wanted(self, spec: JobSpec) -> Wanted | None:
        try:
            return Wanted(spec, self._placing.request(spec))
        except Exception as error:
            ours = "" if isinstance(error, RenkuError) else f"{type(error).__name__}: "
            self._refuse(spec, "rejected", f"{ours}{error}")
            return None

    def _send(self, group: Sequence[Wanted]) -> None:
        self._numbers += 1
        name = f"{self._numbers:05d}"
        place = self._folder / name
        asked = submission(
            group,
            name=self._run.run,
            workdir=self._run.workdir,
            folder=self._folder,
            batch=name,
            throttle=self._throttle,
            exclude=tuple(self._bad_nodes),
            environment=self._environment,
        )
        self._sent = _Sent(place, tuple(group), asked)
        try:
            place.mkdir(mode=0o700)
            spool.put_tasks(place / spool.TASKS, [job.spec for job in group])
        except OSError as error:
            self._not_taken()
            self._cannot_submit(BackendError(f"{place} cannot be written: {error.strerror}."))
            return
        self._calls.begin("submit", partial(self._client.submit, asked), self._taken, self._refused)

    def _taken(self, job: int) -> None:
        sent, self._sent = self._sent, None
        assert sent is not None
        self._submits.asked(changed=True)
        self._told.discard("submit")
        self._most_tasks = min(MOST_TASKS, 2 * self._most_tasks)
        self._submitted(sent.place, sent.group, sent.asked, job)

    def _refused(self, error: RenkuError) -> None:
        sent = self._sent
        assert sent is not None
        if not isinstance(error, SlurmUnavailable):
            self._sent = None
            _delete(sent.place)
            for job in sent.group:
                self._doomed.discard(job.spec.id)
                self._refuse(job.spec, "rejected", str(error))
            self._submits.asked(changed=True)
        elif "maxsubmitjob" in str(error).lower():
            # So many are not permitted at once; fewer may be.
            self._not_taken()
            self._most_tasks = max(1, min(self._most_tasks, len(sent.group)) // 2)
            words = f"Slurm takes only some jobs now, the others wait: {error.message}"
            self._tell_once("submit", words)
            self._submits.back_off() if len(sent.group) == 1 else self._submits.asked(changed=True)
        else:
            # It may have been taken all the same, and the answer lost.
            self._doubt, self._sent = sent, None
            self._cannot_submit(error)

    def _cannot_submit(self, error: RenkuError) -> None:
        self._tell_once("submit", f"Jobs cannot be submitted now, and wait: {error}")
        self._regroup()
        self._submits.back_off()

    def _not_taken(self) -> None:
        """Let what was to be submitted wait again."""
        sent, self._sent, self._doubt = self._sent or self._doubt, None, None
        assert sent is not None
        _delete(sent.place)
        self._groups.insert(0, [each for each in sent.group if not self._is_doomed(each.spec)])
        self._regroup()

    def _regroup(self) -> None:
        """Have what is not submitted yet put together anew, with what has come meanwhile."""
        self._queued = [job.spec for group in self._groups for job in group] + self._queued
        self._groups = []

    def _is_doomed(self, spec: JobSpec) -> bool:
        if spec.id not in self._doomed:
            return False
        self._doomed.discard(spec.id)
        self._refuse(spec, "cancelled", "It was cancelled.")
        return True

    def _resolve_doubt(self, states: Sequence[TaskState]) -> None:
        """Whether Slurm has what it did not confirm."""
        doubt = self._doubt
        assert doubt is not None
        known = {batch.job for batch in self._batches} | set(submitted_jobs(self._folder))
        # A job that was refused may still be shown, as one that failed, but it has not begun.
        begun = any(doubt.place.glob(f"*{spool.BEGUN}"))
        found = sorted({s.job for s in states if begun or s.state != "FAILED"} - known)
        self._submits.asked(changed=True)
        if found:
            self._doubt = None
            self._submitted(doubt.place, doubt.group, doubt.asked, found[0])
        else:
            self._not_taken()

    def _submitted(self, place: Path, group: Sequence[Wanted], asked: Submission, job: int) -> None:
        batch = Batch(self._run.run, place, job, array=asked.tasks is not None)
        with contextlib.suppress(OSError):
            note = spool.Submitted(job, time.time(), batch.array, asked.request.clusters)
            spool.put_struct(place / spool.SUBMITTED, note)
        for number, each in enumerate(group, start=1):
            live = Live(each.spec, batch, number)
            batch.live[number] = live
            self._by_id[each.spec.id] = live
            if each.spec.id in self._doomed:
                self._doomed.discard(each.spec.id)
                self._want_cancelled([each.spec.id])
        self._batches.append(batch)
        self._ends.soon()
        self._asks.soon()

    def _refuse(self, spec: JobSpec, kind: FailureKind, message: str) -> None:
        self._stream.say(JobEnded(JobRecord.lost(spec, message, time.time(), kind)))

    # --- cancelling -------------------------------------------------------------------------

    def _want_cancelled(self, ids: Iterable[str] | None) -> None:
        wanted = None if ids is None else set(ids)
        self._regroup()
        stay = []
        for spec in self._queued:
            if wanted is None or spec.id in wanted:
                self._refuse(spec, "cancelled", "It was cancelled.")
            else:
                stay.append(spec)
        self._queued = stay
        for sent in (self._sent, self._doubt):
            for each in () if sent is None else sent.group:
                if wanted is None or each.spec.id in wanted:
                    self._doomed.add(each.spec.id)
        for live in self._by_id.values():
            if not live.cancelled and (wanted is None or live.spec.id in wanted):
                live.cancelled = True
                live.since = time.monotonic()
                self._to_cancel.append(live)

    def _cancel_wanted(self) -> None:
        self._give_up_cancelling()
        self._to_cancel = [live for live in self._to_cancel if live.spec.id in self._by_id]
        nothing = not self._to_cancel and not self._to_drop
        if nothing or self._calls.busy("cancel") or self._cancels.delay > 0:
            return
        lives, drops = tuple(self._to_cancel), tuple(self._to_drop)
        tasks = [*_together(lives), *drops]
        self._calls.begin(
            "cancel",
            partial(self._client.cancel, tasks),
            lambda _: self._cancel_was_sent(lives, drops),
            self._cannot_cancel,
        )

    def _cancel_was_sent(self, lives: Sequence[Live], drops: Sequence[TaskId]) -> None:
        for live in lives:
            live.cancel_sent, live.since = True, time.monotonic()
        self._to_cancel = [live for live in self._to_cancel if not live.cancel_sent]
        for task in drops:
            self._to_drop.pop(task, None)
        self._cancels.asked(changed=True)
        self._ends.soon()
        self._asks.soon()

    def _cannot_cancel(self, error: RenkuError) -> None:
        self._tell_once("cancel", f"Jobs cannot be cancelled yet: {error}")
        self._cancels.back_off()

    def _give_up_cancelling(self) -> None:
        """Let go of jobs that Slurm could not be told to cancel: the user waits."""
        doubted = self._doubt if self._doomed else None
        if not self._to_cancel and not self._to_drop and doubted is None:
            self._undone_since = None
            return
        now = time.monotonic()
        self._undone_since = self._undone_since or now
        if now - self._undone_since < _MINUTE:
            return
        self._unfinished = True
        self._tell_once(
            "hang",
            "Slurm could not be told to cancel all jobs, and some may go on. To end them once it"
            f" answers: scancel --name={self._run.run}",
        )
        self._to_drop.clear()
        for live in [live for live in self._to_cancel if live.spec.id in self._by_id]:
            self._end(live, self._failed(live, "cancelled", "It was cancelled."))
        if doubted is not None:
            self._doubt = None
            for each in doubted.group:
                if not self._is_doomed(each.spec):
                    self._queued.append(each.spec)

    # --- looking and asking -----------------------------------------------------------------

    def _look_for_ends(self) -> None:
        if not self._by_id or self._ends.delay > 0:
            return
        began, changed = time.monotonic(), False
        for batch in self._batches:
            if batch.live:
                for live, ended in batch.new_ends():
                    live.end, live.end_since, changed = ended, time.monotonic(), True
        self._ends.asked(changed=changed, took_s=time.monotonic() - began)

    def _ask(self) -> None:
        if not self._by_id or self._calls.busy("ask") or self._asks.delay > 0:
            return
        names = dict.fromkeys(batch.name for batch in self._batches if batch.live)
        self._calls.begin(
            "ask",
            lambda: {(s.job, s.task): s for name in names for s in self._client.tasks(name)},
            partial(self._heard, time.monotonic()),
            self._slurm_is_silent,
        )

    def _heard(self, began: float, found: Mapping[TaskId, TaskState]) -> None:
        """Take Slurm's word on all jobs, as of the moment ``began``."""
        self._told.discard("silent")
        self._answered = began
        changed = False
        for live in self._by_id.values():
            if live.since < began:
                changed |= self._see(live, found.get(live.id), began)
        self._remember_missing()
        self._asks.asked(changed=changed, took_s=time.monotonic() - began)

    def _slurm_is_silent(self, error: RenkuError) -> None:
        self._tell_once("silent", f"Slurm does not answer; the jobs are waited for. {error}")
        self._asks.back_off()

    def _see(self, live: Live, state: TaskState | None, now: float) -> bool:
        """Take Slurm's word on a job, as of ``now``; whether it is news."""
        if state is None:
            live.missing_since = live.missing_since or now
            return False
        live.missing_since = None
        before = None if live.state is None else live.state.state
        live.state = state
        match standing(state.state):
            case "waiting":
                self._waits(live, state, now)
                live.over_since = None
            case "running":
                live.over_since = None
                if not live.runs and state.state == "RUNNING":
                    live.runs, live.put_back = True, False
                    host = state.nodes[0] if state.nodes else ""
                    self._stream.say(JobRuns(live.spec.id, 0, host, time.time()))
            case "over":
                live.over_since = live.over_since or now
            case "unknown":
                self._tell_once(state.state, f"Slurm says of a job {state.state!r}: still waiting.")
        return before != state.state

    def _waits(self, live: Live, state: TaskState, now: float) -> None:
        before = live.end is not None and live.end_since is not None and live.end_since < now
        ended_badly = before and live.end is not None and live.end.record.failure is not None
        if ended_badly:
            live.batch.forget_end(live)
        if (ended_badly or live.runs) and not live.put_back:
            live.put_back = True
            self._say(live, f"was put back into the queue by Slurm ({state.reason or 'requeued'})")
        live.runs = False
        waiting = judge(state)
        if waiting.kind == "normal":
            live.never = 0
            return
        first = (live.batch, state.reason) not in self._told
        self._told.add((live.batch, state.reason))
        if first:
            more = len(live.batch.live) - 1
            others = f" ({more} more like it)" if more else ""
            self._say(live, f"waits in Slurm{others}: {waiting.words}")
        live.never = live.never + 1 if waiting.kind == "never" else 0

    def _remember_missing(self) -> None:
        """Ask accounting about jobs that the controller knows no more and that left no record."""
        missing = [
            live
            for live in self._by_id.values()
            if live.missing_since is not None and live.end is None and live.over_since is None
        ]
        if not missing or self._history.delay > 0 or self._calls.busy("history"):
            return
        self._history.asked(changed=False)
        self._calls.begin(
            "history",
            partial(self._client.history, sorted({live.batch.job for live in missing})),
            partial(self._remembered, missing),
            lambda _: self._history.back_off(),
        )

    def _remembered(self, missing: Sequence[Live], states: Sequence[TaskState]) -> None:
        found = {(state.job, state.task): state for state in states}
        for live in missing:
            state = found.get(live.id)
            if state is not None and standing(state.state) == "over":
                live.state, live.over_since = state, live.over_since or time.monotonic()

    # --- ends -------------------------------------------------------------------------------

    def _settle(self) -> None:
        for live in list(self._by_id.values()):
            try:
                record = self._verdict(live)
            except Exception as error:
                words = f"Its end cannot be judged: {type(error).__name__}: {error}."
                self._to_drop[live.id] = None
                record = self._failed(live, "error", words)
            if record is not None:
                self._end(live, record)

    def _verdict(self, live: Live) -> JobRecord | None:
        """The record of a job, once enough is known of its end."""
        now = time.monotonic()
        if live.end is not None:
            return self._verdict_on_record(live, live.end.record, now)
        if live.over_since is not None:
            return self._verdict_without_record(live, now)
        if live.never >= 2:
            assert live.state is not None
            self._to_drop[live.id] = None
            words = judge(live.state).words
            return self._failed(live, "rejected", f"Slurm can never start the job: {words}")
        if live.cancel_sent and now - live.since > _CANCEL_S:
            self._tell_once("hang", "Slurm has not confirmed yet that all jobs were cancelled.")
            return self._failed(live, "cancelled", "It was cancelled.")
        # Only Slurm's answers count: while it is silent, nothing is missing.
        missing = 0.0 if live.missing_since is None else self._answered - live.missing_since
        waited = live.state is not None and standing(live.state.state) == "waiting"
        if missing > _GONE_S and waited and live.begun() is None:
            # Of a task that is cancelled while it waits, Slurm keeps no trace.
            words = "Somebody cancelled the job while it waited in Slurm."
            return self._failed(live, "cancelled", words)
        if missing > _MINUTE:
            return ending(live.spec, None, None, printed=live.last_words())
        return None

    def _verdict_on_record(self, live: Live, record: JobRecord, now: float) -> JobRecord | None:
        if live.cancelled and not record.ok:
            failure = Failure("cancelled", "It was cancelled.", record.exit_code, record.signal)
            return msgspec.structs.replace(record, failure=failure)
        if not needs_slurms_word(record, live.spec, cancelled=live.cancelled):
            return record
        assert live.end_since is not None
        if live.over_since is None:
            self._asks.soon()
            # Slurm ends a job some moments after its script; only its answers count.
            if self._answered - live.end_since <= _MINUTE:
                return None
            begun = live.begun()
            if begun is None or begun.time <= record.finished:
                return record
            live.batch.forget_end(live)  # it runs again
            return None
        state = self._described(live)
        if state is None:
            return None
        latest = live.batch.look_again(live)
        if latest is not None:
            live.end, record = latest, latest.record
        return ending(live.spec, record, state)

    def _verdict_without_record(self, live: Live, now: float) -> JobRecord | None:
        assert live.over_since is not None
        assert live.state is not None
        if live.cancelled:
            return self._failed(live, "cancelled", "It was cancelled.")
        if now - live.looked >= _LOOK_S:
            live.looked = now
            live.end = live.batch.look_again(live)
            if live.end is not None:
                live.end_since = now
                return self._verdict_on_record(live, live.end.record, now)
        patience = _LATE_S if live.state.state in ("COMPLETED", "FAILED") else 3.0
        if now - live.over_since < patience:
            return None
        state = self._described(live)
        if state is None:
            return None
        return ending(live.spec, None, state, printed=live.last_words())

    def _described(self, live: Live) -> TaskState | None:
        """All that Slurm knows of an ended job; None if the answer is still to come."""
        assert live.state is not None
        return self._details.of(live.id, live.state)

    def _end(self, live: Live, record: JobRecord) -> None:
        del self._by_id[live.spec.id]
        live.batch.live.pop(live.number, None)
        live.batch.done.add(live.number)
        record = msgspec.structs.replace(record, id=live.spec.id)
        try:
            self._tell_of_end(live, record)
        finally:
            self._stream.say(JobEnded(record))

    def _tell_of_end(self, live: Live, record: JobRecord) -> None:
        if live.end is not None:
            for words in live.end.told:
                self._say(live, words)
        if not live.runs and record.pid:
            self._stream.say(JobRuns(live.spec.id, record.pid, record.host, record.started))
        if not record.ok:
            live.batch.failed = True
            self._show(live, record)
        if record.usage is not None:
            self._cpu_s += record.usage.user_s + record.usage.system_s
        if record.failure is not None and record.failure.kind in _BAD_NODE:
            self._avoid(live, record)

    def _show(self, live: Live, record: JobRecord) -> None:
        """Show what a failed job printed, and where all of it is."""
        if record.failure is not None and record.failure.kind == "cancelled" and live.cancelled:
            return
        for stream, text in ((1, record.stdout_tail), (2, record.stderr_tail)):
            if text:
                end = "" if text.endswith("\n") else "\n"
                self._stream.say(JobPrinted(live.spec.id, stream, (text + end).encode()))
        if live.printed.exists():
            where = f"All that the job printed on {record.host or 'its node'}: {live.printed}\n"
            self._stream.say(JobPrinted(live.spec.id, 2, where.encode()))

    def _avoid(self, live: Live, record: JobRecord) -> None:
        state = live.state
        nodes = state.nodes if state is not None and len(state.nodes) == 1 else (record.host,)
        for node in nodes:
            if self._placing.may_avoid(node, self._bad_nodes) and node not in self._bad_nodes:
                self._bad_nodes[node] = None
                self._stream.say(Said(f"The node {node} is avoided from now on in this run."))

    def _failed(self, live: Live, kind: FailureKind, message: str) -> JobRecord:
        record = ending(live.spec, None, live.state)
        return msgspec.structs.replace(record, failure=Failure(kind, message))

    def _clean_up(self) -> None:
        """Delete what is in the journal by now; what failed jobs printed stays."""
        if self._unfinished:
            return  # the next run here finds the jobs that go on
        for batch in self._batches:
            if batch.adopted and not batch.is_over():
                continue
            _delete(batch.place, keep=spool.PRINTED if batch.failed else None)
            if batch.adopted:
                _delete_if_done(batch.place.parent)
        _delete_if_done(self._folder)

    def _say(self, live: Live, words: str) -> None:
        self._stream.say(Said(words, live.spec.id))

    def _tell_once(self, key: object, words: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._stream.say(Said(words))


def folder_of_runs(workdir: str | Path) -> Path:
    """Where the folders of runs on Slurm are, below a working directory."""
    return Path(workdir) / ".snakemake" / "renku" / "slurm"


def _together(jobs: Sequence[Live]) -> Iterable[TaskId]:
    """The jobs by Slurm's names, an array that is to go as a whole by one."""
    wanted: dict[Batch, int] = {}
    for live in jobs:
        wanted[live.batch] = wanted.get(live.batch, 0) + 1
    whole = {batch for batch, count in wanted.items() if count >= len(batch.live)}
    yield from ((batch.job, None) for batch in whole)
    yield from (live.id for live in jobs if live.batch not in whole)


def _highest(folder: Path) -> int:
    """The highest number of a batch that was there before."""
    return max((int(each.name) for each in folder.iterdir() if each.name.isdigit()), default=0)


def _delete(folder: Path, *, keep: str | None = None) -> None:
    """Delete the files in a folder but those whose names end so, and it if nothing stays."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if not path.is_dir() and (keep is None or path.suffix != keep):
                path.unlink()
        folder.rmdir()


def _delete_if_done(folder: Path) -> None:
    """Delete the folder of a run, or at least what only its jobs needed, when none is left."""
    with contextlib.suppress(OSError):
        if not any((each / spool.TASKS).exists() for each in folder.iterdir()):
            _delete(folder)
