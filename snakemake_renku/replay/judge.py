"""What became of each output, beside what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from snakemake_renku.errors import RenkuError
from snakemake_renku.journal import JobHistory, RunGraph, outputs
from snakemake_renku.model import FileRef, Outcome, OutputVerdict, Tolerance
from snakemake_renku.replay.choice import CONTENT, is_temporary, key_of
from snakemake_renku.replay.clone import Clone
from snakemake_renku.replay.execute import Executed
from snakemake_renku.replay.failures import not_replayable
from snakemake_renku.replay.plan import Plan
from snakemake_renku.replay.recorded import GONE, Contents, Wanted
from snakemake_renku.replay.repository import JobKey
from snakemake_renku.runner.digest import digest_paths

_GOOD = ("identical", "equivalent")

NO_JOB = Executed(not_replayable="it was not tried")


@dataclass(frozen=True, slots=True)
class _Pair:
    """An output as it was recorded, and as the replay made it (None: it did not)."""

    key: JobKey
    recorded: FileRef
    replayed: FileRef | None
    place: str | None
    path: str
    temporary: bool


class Judge:
    """Compares the outputs of all jobs of a plan.

    ``records`` has the commits that recorded jobs; ``tell`` is called with the path of each output
    whose content has to be looked at.
    """

    def __init__(
        self,
        plan: Plan,
        clone: Clone,
        executed: Mapping[JobKey, Executed],
        tolerance: Tolerance,
        contents: Contents,
        records: Mapping[JobKey, str],
        tell: Callable[[str], None],
    ) -> None:
        self._plan, self._clone, self._executed = plan, clone, executed
        self._tolerance, self._contents, self._records = tolerance, contents, records
        self._tell = tell

    def outputs(self) -> dict[JobKey, list[OutputVerdict]]:
        """The verdicts on the outputs of each job."""
        pairs = [pair for part, job in self._plan.jobs() for pair in self._pairs(part.graph, job)]
        verdicts = [self._by_digest(pair) for pair in pairs]
        open = [i for i, found in enumerate(verdicts) if found is None]
        recorded = self._contents.find([self._wanted(pairs[i]) for i in open])
        for i in open:
            verdicts[i] = self._by_content(pairs[i], recorded.get(self._wanted(pairs[i])))
        return self._settled(pairs, [found for found in verdicts if found is not None])

    def _pairs(self, graph: RunGraph, job: JobHistory) -> Iterator[_Pair]:
        key = key_of(job)
        made = {self._place(ref.path): ref for ref in _made(self._executed.get(key, NO_JOB))}
        for ref in outputs(job):
            if ref.role == "output" and ref.kind in CONTENT:
                place = self._clone.locate(ref.path, graph.run.info)
                path = graph.path(ref)
                temporary = is_temporary(job, path, graph)
                yield _Pair(key, ref, made.get(place or ref.path), place, path, temporary)

    def _place(self, path: str) -> str:
        return self._clone.place_of(path) or path

    def _wanted(self, pair: _Pair) -> Wanted:
        return Wanted(
            pair.place or pair.recorded.path,
            pair.recorded.digest,
            pair.recorded.kind == "directory",
            self._records.get(pair.key),
        )

    # Judging one output

    def _by_digest(self, pair: _Pair) -> OutputVerdict | None:
        """The verdict, where digests are enough for one."""
        executed = self._executed.get(pair.key, NO_JOB)
        verdict = _verdict(pair, "not replayable")
        why = not_replayable(executed)
        if why is not None:
            return replace(verdict, reason=why)
        if not executed.ok:
            return replace(verdict, outcome="failed", reason="its job failed")
        if pair.replayed is None or pair.replayed.kind == "missing":
            return replace(verdict, outcome="different", reason="the replay did not make it")
        if pair.recorded.digest is None:
            problem = pair.recorded.problem or "it is not known why"
            return replace(verdict, reason=f"no digest of it was recorded: {problem}")
        if pair.replayed.digest == pair.recorded.digest:
            return replace(verdict, outcome="identical")
        if pair.replayed.kind != pair.recorded.kind:
            reason = f"it is a {pair.replayed.kind} instead of a {pair.recorded.kind}"
            return replace(verdict, outcome="different", reason=reason)
        return None

    def _by_content(self, pair: _Pair, recorded: Path | None) -> OutputVerdict:
        different = _verdict(pair, "different")
        if recorded is None:
            return replace(different, reason=GONE)
        replayed = self._clone.path(pair.place or "")
        assert pair.replayed is not None
        if digest_paths([replayed])[0].digest != pair.replayed.digest:
            reason = "a later job of the replay wrote it again, only digests were compared"
            return replace(different, reason=reason)
        from snakemake_renku.replay.compare import compare

        self._tell(pair.recorded.path)
        try:
            finding = compare(recorded, replayed, self._tolerance, name=pair.recorded.path)
        except RenkuError as error:
            return replace(different, reason=f"the contents cannot be compared: {error}")
        return replace(different, outcome=finding.outcome, finding=finding)

    # Temporary files

    def _settled(
        self, pairs: list[_Pair], verdicts: list[OutputVerdict]
    ) -> dict[JobKey, list[OutputVerdict]]:
        """Verdicts by job; on temporary files, in the light of what was made from them.

        Nobody keeps their recorded contents. Where only digests could be compared, a file that is
        not the same byte for byte still served as well if all that was made from it is good.
        """
        found: dict[JobKey, list[tuple[_Pair, OutputVerdict]]] = {}
        for pair, verdict in zip(pairs, verdicts, strict=True):
            found.setdefault(pair.key, []).append((pair, verdict))
        settled: dict[JobKey, list[OutputVerdict]] = {}
        children = self._plan.children()
        for part in reversed(self._plan.parts):
            for job in reversed(part.jobs):
                key = key_of(job)
                readers = children.get(key, set())
                settled[key] = [
                    self._temporary(pair, verdict, readers, settled)
                    if pair.temporary and verdict.reason == GONE
                    else verdict
                    for pair, verdict in found.get(key, ())
                ]
        return {key_of(job): settled[key_of(job)] for _, job in self._plan.jobs()}

    def _temporary(
        self,
        pair: _Pair,
        verdict: OutputVerdict,
        readers: set[JobKey],
        settled: Mapping[JobKey, list[OutputVerdict]],
    ) -> OutputVerdict:
        users = [user for user in readers if pair.path in self._plan.makers[user]]
        served = [self._is_good(user, settled) for user in users]
        if served and all(served):
            reason = (
                "temporary, so its recorded content is gone: its digest is another one, but all "
                "that was made from it is the same"
            )
            return replace(verdict, outcome="equivalent", reason=reason)
        return replace(
            verdict, reason="temporary, so its recorded content is gone: only digests were compared"
        )

    def _is_good(self, key: JobKey, settled: Mapping[JobKey, list[OutputVerdict]]) -> bool:
        ended_well = self._executed.get(key, NO_JOB).ok
        return ended_well and all(each.outcome in _GOOD for each in settled.get(key, ()))


def _made(executed: Executed) -> Iterator[FileRef]:
    if executed.record is not None:
        for step in executed.record.steps:
            yield from step.output


def _verdict(pair: _Pair, outcome: Outcome) -> OutputVerdict:
    replayed = pair.replayed.digest if pair.replayed is not None else None
    return OutputVerdict(
        path=pair.recorded.path,
        job=pair.key[1],
        outcome=outcome,
        recorded=pair.recorded.digest,
        replayed=replayed,
    )
