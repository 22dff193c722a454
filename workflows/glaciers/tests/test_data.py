"""Input files: local or fetched, and always held against their checksums."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import DATA, needs_data

from glacierbatch.data import data_root, gather, local_folder, main, own_data
from glacierbatch.download import ATTEMPTS, fetch
from glacierbatch.errors import DataError
from glacierbatch.manifest import Entry, entries, verify

CONTENT = {"a/one.txt": b"one", "two.bin": bytes(range(256))}
FILES = [Entry(path, len(text), hashlib.sha256(text).hexdigest()) for path, text in CONTENT.items()]


@contextmanager
def serving(*answers: tuple[int, bytes | None]) -> Iterator[tuple[str, list[str]]]:
    """A local server: the n-th request for a path gets the n-th answer, None meaning the right content."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            status, body = answers[min(asked.count(path), len(answers) - 1)]
            asked.append(path)
            body = CONTENT[path] if body is None else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_manifest_pins_27_files() -> None:
    assert len(entries()) == 27
    assert all(len(entry.sha256) == 64 and entry.size > 0 for entry in entries())


def test_files_are_fetched_after_the_server_was_busy(tmp_path: Path) -> None:
    pauses: list[float] = []
    with serving((503, b"busy"), (200, None)) as (url, _):
        fetch(tmp_path, url, FILES, pauses.append)
    verify(tmp_path, FILES)
    assert pauses == [1.0, 1.0]


def test_files_that_are_there_are_not_fetched_again(tmp_path: Path) -> None:
    with serving((200, None)) as (url, asked):
        fetch(tmp_path, url, FILES)
        fetch(tmp_path, url, FILES)
    assert len(asked) == len(FILES)


def test_fetched_files_of_wrong_content_are_refused_and_not_left_behind(tmp_path: Path) -> None:
    with (
        serving((200, b"something else")) as (url, asked),
        pytest.raises(DataError, match=r"cannot fetch .*one\.txt: wrong content: expected 3 bytes"),
    ):
        fetch(tmp_path, url, FILES[:1], lambda _: None)
    assert len(asked) == ATTEMPTS
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_is_not_there_is_asked_for_once(tmp_path: Path) -> None:
    with (
        serving((404, b"no")) as (url, asked),
        pytest.raises(DataError, match=r"HTTP Error 404(?s:.*)--config data="),
    ):
        fetch(tmp_path, url, FILES[:1], lambda _: None)
    assert len(asked) == 1


def test_a_changed_and_a_missing_file_are_both_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "two.bin").write_bytes(b"changed")
    with pytest.raises(DataError) as caught:
        verify(tmp_path, FILES)
    text = str(caught.value)
    assert f"{tmp_path}/a/one.txt: cannot be read" in text
    assert f"{tmp_path}/two.bin: wrong content: expected 256 bytes with sha256 {FILES[1].sha256}" in text
    assert f"found 7 bytes with sha256 {hashlib.sha256(b'changed').hexdigest()}" in text
    assert "python -m glacierbatch.data fetch" in text


def test_the_config_wins_over_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "oggm-sample-data").mkdir(parents=True)
    environment = {"GLACIERBATCH_DATA": str(tmp_path / "b")}
    assert local_folder(str(tmp_path / "a"), environment) == tmp_path / "a"
    assert local_folder(None, environment) == tmp_path / "b" / "oggm-sample-data"
    assert local_folder(None, {}) is None


def test_a_folder_that_does_not_exist_is_named_with_its_origin() -> None:
    with pytest.raises(DataError, match=r"config key `data`: given '/no/such'"):
        local_folder("/no/such", {})
    with pytest.raises(DataError, match=r"environment variable GLACIERBATCH_DATA: given '/no/such'"):
        local_folder(None, {"GLACIERBATCH_DATA": "/no/such"})


def test_the_data_root_is_found_from_any_prefix() -> None:
    assert data_root([f"x/y/{entry.path}" for entry in entries()]) == Path("x/y")


def test_the_check_fails_where_nothing_can_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GLACIERBATCH_DATA", raising=False)
    assert main(["check", "--url", "http://127.0.0.1:9"]) == 1
    assert "out of reach" in capsys.readouterr().err


@needs_data
def test_local_files_are_verified_and_copied(tmp_path: Path) -> None:
    assert main(["check", "--data", str(DATA)]) == 0
    gather(tmp_path, DATA)
    verify(tmp_path)


@needs_data
def test_files_are_brought_from_a_local_folder(tmp_path: Path) -> None:
    assert main(["bring", "--to", str(tmp_path / "data"), "--data", str(DATA)]) == 0
    assert main(["check", "--data", str(tmp_path / "data")]) == 0


@pytest.mark.parametrize(
    ("folder", "own"), [("data", True), ("", False), (None, False), ("/data", False), ("~/data", False)]
)
def test_a_relative_path_is_a_folder_of_the_project(folder: str | None, own: bool) -> None:
    assert own_data(folder) is own
