"""A lineage as a tree of text: each file with the job that made it, and below that what it read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from snakemake_renku.drawing import visible
from snakemake_renku.lineage import words
from snakemake_renku.lineage.graph import FileNode, JobNode, Lineage, Tie

Style = Literal["file", "job", "code", "good", "bad", "note", "heading"]


class Line(NamedTuple):
    """A line: the branches before it, its text, and a further remark."""

    guide: str
    text: str
    style: Style
    remark: str = ""


_Child = tuple[Literal["file", "job"], str, Tie | None]


class _Entry(NamedTuple):
    head: Line
    body: list[Line]
    children: list[_Child]


def tree(answer: Lineage) -> Iterator[Line]:
    """The lines of the tree. What was shown before is named again, but not what is below it."""
    yield from _Tree(answer).lines()


class _Tree:
    def __init__(self, answer: Lineage) -> None:
        self._answer = answer
        self._shown = set[str]()

    def lines(self) -> Iterator[Line]:
        if self._answer.message:
            style: Style = "bad" if self._answer.found == "edited" else "note"
            yield Line("", self._answer.message, style)
            yield Line("", "", "note")
        first: _Child = ("file", self._answer.target, None)
        stack = [(first, "", "")]
        while stack:
            (kind, id, tie), lead, rest = stack.pop()
            entry = self._file(id) if kind == "file" else self._job(id, tie)
            yield entry.head._replace(guide=lead)
            stem = rest + ("│ " if entry.children else "  ")
            yield from (line._replace(guide=stem) for line in entry.body)
            for number, child in reversed(list(enumerate(entry.children))):
                last = number == len(entry.children) - 1
                ends = ("└── ", "    ") if last else ("├── ", "│   ")
                stack.append((child, rest + ends[0], rest + ends[1]))
        yield from self._runs()

    def _file(self, id: str) -> _Entry:
        node = self._answer.files[id]
        head = Line("", visible(node.path), "file", words.file_details(node))
        if self._answer.direction == "down":
            return self._file_down(node, head)
        if not node.made_by and node.changed is None:
            return _Entry(head._replace(remark=f"{head.remark}  source"), [], [])
        if not node.made_by:
            return _Entry(head, [Line("", words.origin(node), "bad")], [])
        if node.hidden:
            return _Entry(head, [_hidden()], [])
        if len(node.made_by) > 1:
            return _Entry(head, [], [("job", tie.job, tie) for tie in node.made_by])
        made = self._job(node.made_by[0].job, node.made_by[0])
        also = [Line("", f"the same was also made by {key}", "note") for key in node.also_made_by]
        first = made.head._replace(text=f"made by {made.head.text}")
        return _Entry(head, [first, *made.body, *also], made.children)

    def _file_down(self, node: FileNode, head: Line) -> _Entry:
        key = ("file", node.id)
        if node.hidden:
            return _Entry(head, [_hidden()], [])
        if str(key) in self._shown:
            return _Entry(head, [Line("", "… see above", "note")] if node.used_by else [], [])
        self._shown.add(str(key))
        if not node.used_by:
            return _Entry(head, [Line("", "no recorded job read it", "note")], [])
        return _Entry(head, [], [("job", tie.job, tie) for tie in node.used_by])

    def _job(self, key: str, tie: Tie | None) -> _Entry:
        job = self._answer.jobs[key]
        made = self._answer.direction == "up"
        head = Line("", visible(words.title(job)), "job", words.job_line(job, self._answer.runs))
        note = words.tie(tie, made=made) if tie is not None else ""
        notes = [Line("", note, "note")] if note else []
        if key in self._shown:
            return _Entry(head, [*notes, Line("", "… see above", "note")], [])
        self._shown.add(key)
        files = job.inputs if made else self._results(job)
        return _Entry(
            head, [*notes, *self._job_body(job)], [("file", file, None) for file in files]
        )

    def _results(self, job: JobNode) -> list[str]:
        return [id for id in job.outputs if self._answer.files[id].role == "output"]

    def _job_body(self, job: JobNode) -> Iterator[Line]:
        for text in words.code_lines(job, self._answer.runs):
            for line in text.split("\n"):
                yield Line("", visible(line), "code")
        for note in job.verdicts:
            good = note.outcome in ("identical", "equivalent")
            yield Line("", visible(words.verdict_line(note)), "good" if good else "bad")

    def _runs(self) -> Iterator[Line]:
        if self._answer.runs:
            yield Line("", "", "note")
            yield Line("", "runs", "heading")
        for run in sorted(self._answer.runs.values(), key=lambda run: run.run):
            yield Line("  ", visible(words.run_line(run)), "note")


def _hidden() -> Line:
    return Line("", "… more beyond --depth", "note")
