"""A lineage as one page of HTML that needs nothing else: the drawing, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from snakemake_renku.drawing import STYLE, svg, visible
from snakemake_renku.lineage import words
from snakemake_renku.lineage.graph import FileNode, JobNode, Lineage, Tie
from snakemake_renku.lineage.picture import FOLDED, anchor, picture

_STYLE = """\
:root { color-scheme: light dark; --text: #1c2430; --soft: #5c6672; --edge: #d5dae1;
  --ground: #ffffff; --panel: #f6f7f9; --good: #1f7a3a; --bad: #b3261e; --link: #1d5fb8; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --soft: #a3adba; --edge: #363e49;
  --ground: #14181e; --panel: #1c222a; --good: #6bd088; --bad: #f2938b; --link: #8ab8f5; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 78rem; color: var(--text);
  background: var(--ground); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans",
  "DejaVu Sans", sans-serif; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
code, pre { font-family: ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: .86em; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: var(--panel); padding: .6rem .8rem; margin: .4rem 0;
  border-radius: 4px; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.message { border-left: 3px solid var(--edge); padding: .2rem .8rem; }
.message.bad { border-color: var(--bad); }
.drawing { overflow: auto; max-height: 75vh; border: 1px solid var(--edge); border-radius: 6px;
  margin: 1rem 0; }
details { border: 1px solid var(--edge); border-radius: 6px; margin: .4rem 0; padding: 0 .8rem; }
details[open] { padding-bottom: .6rem; }
details:target { border-color: var(--soft); }
summary { cursor: pointer; padding: .4rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: .15rem 1rem;
  margin: .3rem 0; }
dt { color: var(--soft); overflow-wrap: anywhere; }
dd pre { margin: 0; }
a { color: var(--link); } dd { margin: 0; overflow-wrap: anywhere; }
"""

_SCRIPT = """\
function open_target() {
  var there = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (there && there.tagName === "DETAILS") { there.open = true; there.scrollIntoView(); }
}
addEventListener("hashchange", open_target); open_target();
var asked = document.querySelector(".drawing .asked");
if (asked) asked.scrollIntoView({block: "nearest", inline: "center"});
"""

_MOST_OPEN = 40

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(answer: Lineage) -> str:
    """The page. It opens offline, loads nothing, and is as light or dark as its reader likes."""
    return "\n".join(_page(answer)) + "\n"


def _page(answer: Lineage) -> Iterator[str]:
    target = answer.files[answer.target]
    name = _text(target.path)
    question = "What it came from" if answer.direction == "up" else "What came from it"
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{name}</title>\n<style>\n{_STYLE}{STYLE}</style>\n</head>\n<body>"
    yield f'<h1>{name}</h1>\n<p class="soft">{question}, as recorded by snakemake-renku.</p>'
    if answer.message:
        bad = " bad" if answer.found == "edited" else ""
        yield f'<p class="message{bad}">{_text(answer.message)}</p>'
    yield "<dl>" + "".join(_pairs(_file_pairs(target, answer))) + "</dl>"
    yield from _drawing(answer, f"{question}: {len(answer.jobs)} jobs")
    yield f"<h2>Jobs ({len(answer.jobs)})</h2>"
    for number, job in enumerate(answer.jobs.values()):
        yield from _job(job, answer, opened=number == 0)
    yield from _sources(answer)
    yield from _runs(answer)
    for note in answer.notes:
        yield f'<p class="bad">{_text(note)}</p>'
    yield f"<script>\n{_SCRIPT}</script>\n</body>\n</html>"


def _drawing(answer: Lineage, label: str) -> Iterator[str]:
    drawn = picture(answer)
    yield f'<div class="drawing">{svg(drawn, style=False, label=label)}</div>'
    if any(placed.node.id.startswith(FOLDED) for placed in drawn.nodes):
        yield '<p class="soft">As there are many, one box stands for all jobs of a rule.</p>'


def _file_pairs(node: FileNode, answer: Lineage) -> Iterator[tuple[str, str]]:
    yield "digest", f"<code>{node.digest or 'none recorded'}</code>"
    if node.size is not None:
        yield "size", words.size(node.size)
    if answer.direction == "up" and not node.made_by:
        yield "origin", _text(words.origin(node))
    for link in node.made_by:
        yield "made by", _job_link(link.job, answer, words.tie(link, made=True))
    for job in node.also_made_by:
        yield "also made by", _job_link(job, answer, "the very same content")
    for link in node.used_by:
        yield "read by", _job_link(link.job, answer, words.tie(link, made=False))


def _job_link(key: str, answer: Lineage, note: str) -> str:
    about = f' <span class="soft">{_text(note)}</span>' if note else ""
    if key not in answer.jobs:
        return f"<code>{_text(key)}</code>{about}"
    return f'<a href="#{_text(anchor(key))}">{_text(words.title(answer.jobs[key]))}</a>{about}'


def _job(job: JobNode, answer: Lineage, *, opened: bool) -> Iterator[str]:
    state = " open" if opened else ""
    yield f'<details id="{_text(anchor(job.id))}"{state}><summary><b>{_text(words.title(job))}</b>'
    line = words.job_line(job, answer.runs)
    yield f'<span class="soft">{_text(line)}</span></summary>\n<dl>'
    yield from _pairs(_code_pairs(job, answer))
    for note in job.verdicts:
        good = "good" if note.outcome in ("identical", "equivalent") else "bad"
        text = f'<span class="{good}">{_text(words.verdict_line(note))}</span>'
        yield from _pairs([("verdict", text)])
    yield from _pairs(("input", _input(answer.files[id], answer)) for id in job.inputs)
    yield from _pairs((answer.files[id].role, _file(answer.files[id])) for id in job.outputs)
    yield "</dl>\n</details>"


def _code_pairs(job: JobNode, answer: Lineage) -> Iterator[tuple[str, str]]:
    for line in words.code_lines(job, answer.runs):
        command = line.removeprefix("$ ")
        if command != line:
            yield "command", f"<pre>{escape(_lines(command))}</pre>"
        else:
            kind, _, rest = line.partition(" ")
            yield _text(kind), f"<code>{_text(rest)}</code>"


def _file(node: FileNode) -> str:
    details = f'<code class="soft" title="{node.digest}">{words.file_details(node)}</code>'
    return f"{_text(node.path)} {details}"


def _input(node: FileNode, answer: Lineage) -> str:
    makers = [_maker(link, answer) for link in node.made_by if link.job in answer.jobs]
    return " ".join([_file(node), *makers])


def _maker(link: Tie, answer: Lineage) -> str:
    return f'<span class="soft">←</span> {_job_link(link.job, answer, words.tie(link, made=True))}'


def _sources(answer: Lineage) -> Iterator[str]:
    sources = [node for node in answer.files.values() if not node.made_by]
    if not sources or answer.direction == "down":
        return
    yield f"<h2>Where it begins ({len(sources)})</h2>"
    state = " open" if len(sources) <= _MOST_OPEN else ""
    yield f"<details{state}><summary>files that no recorded job made</summary>\n<dl>"
    for node in sources:
        note = f'<span class="bad">{_text(words.origin(node))}</span>' if node.changed else ""
        details = f'<code title="{node.digest}">{words.file_details(node)}</code> {note}'
        yield from _pairs([(_text(node.path), details)])
    yield "</dl></details>"


def _runs(answer: Lineage) -> Iterator[str]:
    yield f"<h2>Runs ({len(answer.runs)})</h2>\n<ul>"
    for run in sorted(answer.runs.values(), key=lambda run: run.run):
        yield f"<li>{_text(words.run_line(run))}</li>"
    yield "</ul>"


def _pairs(pairs: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[str]:
    for key, value in pairs:
        yield f"<dt>{key}</dt><dd>{value}</dd>"


def _lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _text(text: str) -> str:
    return escape(visible(text))
