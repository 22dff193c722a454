"""Reports, and the browser that they are looked at with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snakemake_renku.cli import main

from . import journals
from .browser import Browser, Page, find_chromium

NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here ($CHROMIUM may name one)")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def show(browser: Browser) -> Iterator[NewPage]:
    """Open a report in a page of its own, which is closed after the test."""
    pages = []

    def show(path: Path, **how: object) -> Page:
        pages.append(browser.open(path, **how))
        return pages[-1]

    yield show
    for page in pages:
        page.close()


def report(workdir: Path) -> Path:
    """The report on the latest run of a folder, made by the command line."""
    path = workdir / "report.html"
    assert main(["report", "--directory", str(workdir), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a run with some of everything, on which there is a verdict."""
    workdir = tmp_path_factory.mktemp("varied")
    journals.varied(workdir)
    journals.keep(workdir, journals.verdict())
    return report(workdir)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a run of 5,000 jobs."""
    workdir = tmp_path_factory.mktemp("large")
    journals.large(workdir, 5000)
    return report(workdir)
