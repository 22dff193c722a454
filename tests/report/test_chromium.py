"""The page in a real browser: what a reader sees and does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import NewPage, report
from .journals import HOSTILE, Journal, step
from .journals import varied as write_varied

VISIBLE = HOSTILE.replace("\n", "\\n").replace("\u202e", "\\u202e")
"""The name as it is shown: what cannot be seen is written out."""

JOB_ROWS = "#jobs tbody tr[data-place]"
FILE_ROWS = "#files tbody tr[data-place]"


def test_it_opens_without_complaint_and_asks_for_nothing(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.click("#jobs tbody a")
    page.press("Escape")
    assert page.complaints == []
    assert page.requests == [varied.as_uri()]


def test_5000_jobs_open_without_complaint(show: NewPage, large: Path) -> None:
    page = show(large)
    assert page.complaints == []
    assert "4,987 jobs" in page.text("#jobs")


def test_the_policy_stops_what_would_be_slipped_in(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 1';"
        "document.body.append(s); })()"
    )
    page.js("fetch('https://example.org/').catch(() => null)")
    assert page.js("typeof window.pwned") == "undefined"
    stopped = [text for text in page.complaints if "Content Security Policy" in text]
    assert any("inline script" in text for text in stopped)
    assert any("https://example.org/" in text for text in stopped)
    assert page.requests == [varied.as_uri()]


def test_only_the_rows_in_sight_are_elements(show: NewPage, large: Path) -> None:
    page = show(large)
    assert page.count(JOB_ROWS) < 60
    assert page.js("document.querySelector('#jobs table').getAttribute('aria-rowcount')") == "4988"
    page.js("document.querySelector('#jobs .scroll').scrollTop = 1e9")
    page.frame()
    last = page.js("[...document.querySelectorAll('#jobs tr[data-place]')].pop().dataset.place")
    assert last == "4986"


def test_typing_filters_the_jobs(show: NewPage, large: Path) -> None:
    page = show(large)
    page.type("#job-search", "calibrate 00412")
    rows = page.texts(JOB_ROWS)
    assert len(rows) == 1
    assert "calibrate" in rows[0]
    assert "glacier=RGI60-11.00412" in rows[0]
    assert "1 of 4,987 jobs" in page.text("#jobs")


def test_what_no_job_is_like_is_said(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.type("#job-search", "nothing like that")
    assert page.count(JOB_ROWS) == 0
    assert "No job is like that." in page.text("#jobs")


def test_jobs_are_filtered_by_state(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js(
        "(() => { const s = document.querySelector('#jobs select[aria-label=State]');"
        "s.value = 'failed'; s.dispatchEvent(new Event('change')); })()"
    )
    assert [text.split()[0] for text in page.texts(JOB_ROWS)] == ["4.1", "5.1"]


def test_a_head_sorts_the_jobs_and_then_the_other_way(show: NewPage, varied: Path) -> None:
    page = show(varied)
    ids = page.texts(f"{JOB_ROWS} td:first-child")
    page.click("#jobs th:nth-child(2) button")
    rules = page.texts(f"{JOB_ROWS} td:nth-child(2)")
    assert rules == sorted(rules)
    assert page.js("document.querySelector('#jobs th:nth-child(2)').ariaSort") == "ascending"
    page.click("#jobs th:nth-child(2) button")
    assert page.texts(f"{JOB_ROWS} td:nth-child(2)") == sorted(rules, reverse=True)
    page.click("#jobs th:first-child button")
    assert page.texts(f"{JOB_ROWS} td:first-child") == sorted(ids)


def test_a_job_shows_all_that_is_recorded_of_it(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'job=2.1'")
    page.wait("!document.getElementById('panel').hidden")
    panel = page.text("#panel")
    for text in (
        "out of memory: It went beyond 1000 MB.",
        "exit code 137, signal 9",
        "docker://ghcr.io/oggm/oggm:20250601",
        "work/a.txt",
        "It asks for 1000 MB and used more.",
        "▲ beyond",
        "model --in work/a.txt",
    ):
        assert text in panel
    assert re.search(r"2\.1 .*failed\s+2\.2 .*success", panel)


def test_a_group_shows_each_of_its_steps(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'job=3.1'")
    page.wait("!document.getElementById('panel').hidden")
    assert page.texts("#panel h3.step") == ["Step split", "Step join"]


def test_a_file_shows_its_digest_and_who_made_and_read_it(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.type("#file-search", "joined")
    page.click(f"{FILE_ROWS} a")
    panel = page.text("#panel")
    assert re.search(r"sha256:[0-9a-f]{64}", panel)
    assert "Made by\n\npair" in panel
    assert "odd" in panel
    assert "replayed: equivalent" in panel


def test_a_file_is_found_by_its_digest(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'file=0'")
    page.wait("!document.getElementById('panel').hidden")
    (found,) = re.findall(r"sha256:[0-9a-f]{64}", page.text("#panel"))
    page.type("#file-search", found)
    assert page.texts(f"{FILE_ROWS} td:first-child") == ["data/in.txt"]


def test_hostile_names_are_text(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'job=1.1'")
    page.wait("!document.getElementById('panel').hidden")
    assert page.count("#pwned") == 0
    assert VISIBLE in page.text("#panel")
    assert VISIBLE in "\n".join(page.texts(f"{FILE_ROWS} td:first-child"))
    everything = page.js("document.body.innerText")
    assert "\u202e" not in everything


def test_the_colours_of_a_terminal_do_not_show(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'job=1.1'")
    page.wait("!document.getElementById('panel').hidden")
    assert "done\n" in page.texts("#panel pre")
    assert "[31m" not in page.text("#panel")


def test_failures_stand_first_with_what_they_printed(show: NewPage, large: Path) -> None:
    page = show(large)
    order = page.js("[...document.querySelectorAll('main > section')].map(e => e.id)")
    assert order[:2] == ["run", "failures"]
    failures = page.text("#failures")
    assert "4 jobs failed" in failures
    assert "RuntimeError: mass balance of RGI60-11.00032 does not converge" in failures


def test_the_verdict_says_what_differs_and_why(show: NewPage, varied: Path) -> None:
    verdicts = show(varied).text("#verdicts")
    for text in (
        "the latest found them different",
        "variable volume, time=3",
        "12.75",
        "package numpy: 2.1.0 recorded, 2.2.0 now",
        "The image is gone.",
        "Left out of account: attribute history.",
    ):
        assert text in verdicts


def test_the_keyboard_goes_through_the_jobs(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("document.querySelector('#jobs tbody a').focus()")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.js("document.activeElement.textContent") == "3.1"
    page.press("Enter")
    page.wait("!document.getElementById('panel').hidden")
    assert page.js("document.activeElement.id") == "panel-title"
    page.press("Escape")
    assert page.js("document.getElementById('panel').hidden") is True
    assert page.js("document.activeElement.textContent") == "3.1"


def test_a_job_has_an_address_that_can_be_gone_back_from(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.go(f"{varied.as_uri()}#job=4.1")
    page.wait("!document.getElementById('panel').hidden")
    assert "out of time" in page.text("#panel")
    page.js("location.hash = 'jobs'")
    page.wait("document.getElementById('panel').hidden")


def test_a_rule_in_the_graph_leads_to_its_jobs(show: NewPage, large: Path) -> None:
    page = show(large)
    page.js(
        "[...document.querySelectorAll('#graph a')].find(a => a.textContent.includes('plot'))"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true }))"
    )
    page.frame()
    assert "995 of 4,987 jobs" in page.text("#jobs")


def graph_labels(page: object) -> list[str]:
    found = page.js(  # type: ignore[attr-defined]
        "[...document.querySelectorAll('#graph .node title')].map(e => e.textContent)"
    )
    return sorted(found)


def test_the_graph_around_a_job_shows_what_it_needed(show: NewPage, large: Path) -> None:
    page = show(large)
    page.js("location.hash = 'job=5.1'")
    page.wait("!document.getElementById('panel').hidden")
    page.js(
        "[...document.querySelectorAll('#panel button')]"
        ".find(b => b.textContent.startsWith('Show it')).click()"
    )
    page.frame()
    titles = graph_labels(page)
    assert [title.split()[0] for title in titles] == [
        "calibrate",
        "climate",
        "flow",
        "flowlines",
        "plot",
    ]
    assert all("RGI60-11.00001" in title for title in titles)


def test_the_graph_of_all_jobs_folds_those_that_are_alike(show: NewPage, large: Path) -> None:
    page = show(large)
    page.js(
        "[...document.querySelectorAll('#graph button')]"
        ".find(b => b.textContent === 'Jobs').click()"
    )
    page.frame()
    assert "climate: 999 success" in graph_labels(page)
    assert page.count("#graph .node") == 5


def test_a_click_on_the_timeline_opens_the_job(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("document.getElementById('timeline').scrollIntoView()")
    page.frame()
    box = page.js(
        "(() => { const b = document.querySelector('#timeline canvas').getBoundingClientRect();"
        "return [b.x, b.y, b.width] })()"
    )
    # The first of the six seconds is that of job 1.1, in the first lane of the first host.
    x, y = box[0] + box[2] / 12, box[1] + 22 + 34 + 20 + 8
    page.mouse("mouseMoved", x, y)
    page.wait("!document.getElementById('tip').hidden")
    assert "prepare" in page.text("#tip")
    for kind in ("mousePressed", "mouseReleased"):
        page.mouse(kind, x, y, button="left", clickCount=1)
    page.wait("!document.getElementById('panel').hidden")
    assert "job 1.1" in page.text("#panel header")


def test_the_keyboard_goes_through_the_timeline(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("document.querySelector('.timeline').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert page.text("#said").startswith("model n=1, failed")
    page.press("Enter")
    page.wait("!document.getElementById('panel').hidden")
    assert "job 2.1" in page.text("#panel header")


def test_the_timeline_is_zoomed_and_shown_whole_again(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("document.querySelector('.timeline').focus()")
    page.press("+")
    assert page.text("#said") == "From 20:26:41 to 20:26:44"
    whole = page.js("document.querySelector('#timeline canvas').toDataURL()")
    page.press("0")
    assert page.js("document.querySelector('#timeline canvas').toDataURL()") != whole


def test_the_notices_lead_to_the_jobs_that_they_are_about(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.click(".notices a")
    assert [text.split()[0] for text in page.texts(JOB_ROWS)] == ["2.2", "4.1"]


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_sticks_out_at_the_side(show: NewPage, varied: Path, width: int) -> None:
    page = show(varied, width=width)
    assert page.js("document.documentElement.scrollWidth") <= width
    page.js("location.hash = 'job=2.1'")
    page.wait("!document.getElementById('panel').hidden")
    assert page.js("(p => p.scrollWidth <= p.clientWidth)(document.getElementById('panel'))")


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_light_or_dark_as_the_reader_likes(show: NewPage, varied: Path, dark: bool) -> None:
    page = show(varied, dark=dark)
    red = page.js("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) < 80) is dark


def test_everything_to_press_has_a_name(show: NewPage, varied: Path) -> None:
    page = show(varied)
    page.js("location.hash = 'job=2.1'")
    page.wait("!document.getElementById('panel').hidden")
    nameless = page.js(
        "[...document.querySelectorAll('a, button, select, input, [tabindex=\"0\"]')]"
        ".filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []


def test_on_paper_few_jobs_stand_whole_and_many_are_left_out(
    show: NewPage, varied: Path, large: Path
) -> None:
    for path, shown in ((varied, True), (large, False)):
        page = show(path)
        page.js("dispatchEvent(new Event('beforeprint'))")
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.js("document.querySelector('#jobs .virtual').offsetHeight > 0") is shown
        assert page.js("document.querySelector('#usage').offsetHeight > 0") is True


def test_a_run_without_jobs_is_a_page_too(show: NewPage, tmp_path: Path) -> None:
    Journal(tmp_path).end()
    page = show(report(tmp_path))
    assert "No job was run." in page.text("#run")
    assert page.complaints == []


@pytest.mark.parametrize(
    ("status", "said"), [("interrupted", "was cut off"), ("running", "going on")]
)
def test_a_run_that_did_not_end_is_told(
    show: NewPage, tmp_path: Path, status: str, said: str
) -> None:
    write_varied(tmp_path, status)  # type: ignore[arg-type]
    page = show(report(tmp_path))
    assert said in page.text(".notices")
    assert page.complaints == []


def test_a_job_that_reads_thousands_of_files_opens(show: NewPage, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    names = [f"in/{number}.txt" for number in range(5000)]
    journal.job("1.1", step("gather", names, ["out.txt"]))
    journal.end()
    page = show(report(tmp_path))
    page.click("#jobs tbody a")
    assert "Inputs (5,000)" in page.text("#panel").replace("\u00a0", " ")
    assert page.count("#panel .use") < 50


def test_of_many_rules_the_resources_of_some_are_shown_first(show: NewPage, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(40):
        journal.job(f"{number}.1", step(f"rule{number}"))
    journal.end()
    page = show(report(tmp_path))
    assert page.count("#usage tbody tr") == 15
    page.click("#usage > button")
    assert page.count("#usage tbody tr") == 40


def test_a_broad_graph_shrinks_but_stays_readable(show: NewPage, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(30):
        one = step(f"rule{number}", [f"{number}.txt"], [f"{number + 1}.txt"])
        journal.job(f"{number}.1", one)
    journal.end()
    page = show(report(tmp_path))
    scale, scrolls = page.js(
        "(() => { const svg = document.querySelector('#graph svg');"
        "const box = svg.parentNode;"
        "return [svg.clientWidth / svg.viewBox.baseVal.width, box.scrollWidth > box.clientWidth]"
        "})()"
    )
    assert round(scale, 2) == 0.8
    assert scrolls
