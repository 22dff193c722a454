from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from snakemake_renku.errors import SettingsError
from snakemake_renku.runner.image import ImageCache, ImageDigest, resolve_image
from snakemake_renku.runner.registry import ImageReference, parse_reference

CLUSTERS = Path(__file__).parents[1] / "clusters"
NOWHERE = "127.0.0.1:1"
SOME_DIGEST = "sha256:" + "0123456789abcdef" * 4
# The password "open sesame" of the user "reader", hashed by bcrypt.
HTPASSWD = "reader:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n"


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hash_file(path: str) -> str:
    return sha256(Path(path).read_bytes())


def hash_nothing(path: str) -> str:
    raise AssertionError(f"{path} is hashed without need")


def resolve(
    url: str,
    image: Path | None = None,
    *,
    run_started: float = 0.0,
    cache: ImageCache | None = None,
) -> ImageDigest:
    return resolve_image(
        url,
        None if image is None else str(image),
        cache or ImageCache(),
        run_started=run_started,
        digest_file=hash_file,
    )


@pytest.fixture(autouse=True)
def _home_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.delenv("APPTAINER_CONFIGDIR", raising=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def real_registry(root: Path, **variables: str) -> Iterator[str]:
    if shutil.which("docker-registry") is None:
        pytest.skip("needs docker-registry; tests/clusters/up.sh installs it")
    environment = os.environ | {"PORT": str(free_port()), "ROOT": str(root)} | variables
    script = str(CLUSTERS / "registry.sh")
    up = subprocess.run([script, "up"], env=environment, stdout=subprocess.PIPE, text=True)
    assert up.returncode == 0
    try:
        yield up.stdout.strip()
    finally:
        subprocess.run([script, "down"], env=environment, check=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from real_registry(tmp_path_factory.mktemp("registry") / "root")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "users").write_text(HTPASSWD)
    yield from real_registry(folder / "root", HTPASSWD=str(folder / "users"))


def push(folder: Path, reference: str) -> str:
    done = subprocess.run(
        [sys.executable, str(CLUSTERS / "push.py"), str(folder), reference],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image as Snakemake pulls it: any bytes will do for what is hashed only."""
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "0123.simg"
    path.write_bytes(b"an image")
    return path


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "file").write_text(str(tmp_path))
    return folder


# --- references


@pytest.mark.parametrize(
    ("url", "reference"),
    [
        ("docker://ubuntu", ("docker.io", "library/ubuntu", "latest", None)),
        ("docker://ubuntu:22.04", ("docker.io", "library/ubuntu", "22.04", None)),
        ("docker://org/tool", ("docker.io", "org/tool", "latest", None)),
        ("docker://index.docker.io/ubuntu", ("docker.io", "library/ubuntu", "latest", None)),
        ("docker://docker.io/library/x:1", ("docker.io", "library/x", "1", None)),
        ("docker://example.org/a/b/c:v1", ("example.org", "a/b/c", "v1", None)),
        ("docker://localhost/a", ("localhost", "a", "latest", None)),
        ("docker://localhost:5000/a:2", ("localhost:5000", "a", "2", None)),
        (f"docker://a@{SOME_DIGEST}", ("docker.io", "library/a", None, SOME_DIGEST)),
        (f"docker://h.org/a:1@{SOME_DIGEST}", ("h.org", "a", "1", SOME_DIGEST)),
        ("oras://example.org/a/b:1", ("example.org", "a/b", "1", None)),
        ("example.org/a_b/c-d__e:1", ("example.org", "a_b/c-d__e", "1", None)),
    ],
)
def test_a_reference_is_filled_in_as_docker_does(
    url: str, reference: tuple[str, str, str | None, str | None]
) -> None:
    assert parse_reference(url) == ImageReference(*reference)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "docker://",
        "docker://Upper/case",
        "docker://a:b:c",
        "docker://a@sha256:12",
        "docker://example.org/",
        "docker://u:p@example.org/a",
        "docker://example.org/../a",
        "https://example.org/a.sif",
    ],
)
def test_anything_else_is_no_reference(url: str) -> None:
    with pytest.raises(SettingsError):
        parse_reference(url)


# --- registries


def test_a_tag_becomes_the_manifest_digest_of_the_registry(registry: str, content: Path) -> None:
    digest = push(content, f"{registry}/a/b:1")
    assert resolve(f"docker://{registry}/a/b:1") == (digest, "manifest")


def test_a_tag_that_moved_has_its_new_digest(registry: str, content: Path) -> None:
    first = push(content, f"{registry}/moving:1")
    (content / "file").write_text("changed")
    second = push(content, f"{registry}/moving:1")
    assert first != second
    assert resolve(f"docker://{registry}/moving:1").digest == second


def test_a_pinned_image_is_returned_without_asking() -> None:
    assert resolve(f"docker://{NOWHERE}/a@{SOME_DIGEST}") == (SOME_DIGEST, "manifest")


def test_a_tag_that_is_not_there_is_unknown_and_a_warning_says_what_to_do(
    registry: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve(f"docker://{registry}/none:1") == (None, None)
    assert "404" in caplog.text
    assert "Check the image's name and tag" in caplog.text


def test_a_registry_that_is_not_there_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve(f"docker://{NOWHERE}/a:1") == (None, None)
    assert "pin the image" in caplog.text


def test_a_name_that_is_no_reference_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve("docker://No/Such:name:here") == (None, None)
    assert "Write it as" in caplog.text


def test_a_registry_with_a_lock_is_closed_without_credentials(
    guarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve(f"docker://{guarded}/a:1") == (None, None)
    assert "docker login" in caplog.text


@pytest.mark.parametrize("name", [".docker/config.json", ".apptainer/docker-config.json"])
@pytest.mark.parametrize("key", ["{}", "http://{}/v2/", "https://{}"])
def test_credentials_in_a_file_open_a_registry(
    guarded: str, tmp_path: Path, name: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = base64.b64encode(b"reader:open sesame").decode()
    path = tmp_path / "home" / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"auths": {key.format(guarded): {"auth": secret}}}))
    assert resolve(f"docker://{guarded}/a:1") == (None, None)
    assert "404" in caplog.text, "let in, and nothing found there"


@pytest.mark.parametrize("text", ["", "[]", '{"auths": {"x": null}}', '{"auths": []}', "{"])
def test_a_broken_file_of_credentials_is_passed_over(
    guarded: str, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "home" / ".docker" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace('"x"', f'"{guarded}"'))
    assert resolve(f"docker://{guarded}/a:1") == (None, None)
    assert "docker login" in caplog.text


class TokenRegistry(BaseHTTPRequestHandler):
    """A registry that hands out tokens and does not tell digests, as some do."""

    manifest = b'{"schemaVersion": 2}'

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        if self.path.startswith("/token?"):
            expected = "/token?scope=repository%3Aa%3Apull&service=here"
            body = json.dumps({"token": "let me in"} if self.path == expected else {}).encode()
            self.reply(200, body, {})
        else:
            self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        host, port = self.server.server_address[:2]
        if self.headers["Authorization"] != "Bearer let me in":
            realm = f'realm="http://{host!s}:{port}/token"'
            repository = self.path.split("/")[2]
            challenge = f'Bearer {realm},service="here",scope="repository:{repository}:pull"'
            self.reply(401, b"", {"WWW-Authenticate": challenge})
        elif "image.index" not in self.headers["Accept"]:
            self.reply(406, b"", {})
        else:
            self.reply(200, self.manifest if with_body else b"", {})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def token_registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), TokenRegistry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_token_is_fetched_and_a_missing_digest_computed(token_registry: str) -> None:
    found = resolve(f"docker://{token_registry}/a:1")
    assert found == (sha256(TokenRegistry.manifest), "manifest")


def test_a_registry_that_gives_no_token_is_no_error(
    token_registry: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve(f"docker://{token_registry}/secret:1") == (None, None)
    assert "docker login" in caplog.text


def test_a_registry_that_never_answers_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert resolve(f"docker://{address}/a:1") == (None, None)
    assert 4 < time.monotonic() - start < 8
    assert "Timeout" in caplog.text


# --- images that were pulled


def test_an_image_pulled_in_this_run_has_the_manifest_of_its_tag(
    registry: str, content: Path, image: Path
) -> None:
    digest = push(content, f"{registry}/pulled:1")
    assert resolve(f"docker://{registry}/pulled:1", image) == (digest, "manifest")


def test_what_was_known_after_the_pull_outlives_a_move_of_the_tag(
    registry: str, content: Path, image: Path
) -> None:
    url = f"docker://{registry}/kept:1"
    first = push(content, f"{registry}/kept:1")
    resolve(url, image)
    (content / "file").write_text("changed")
    push(content, f"{registry}/kept:1")
    later = time.time() + 1000
    assert resolve(url, image, run_started=later) == (first, "manifest")


def test_an_image_older_than_the_run_is_named_by_its_hash(
    registry: str, content: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    push(content, f"{registry}/old:1")
    later = time.time() + 1000
    found = resolve(f"docker://{registry}/old:1", image, run_started=later)
    assert found == (sha256(b"an image"), "file")
    assert "tag may have moved" in caplog.text


def test_an_image_replaced_after_the_pull_is_not_taken_for_the_first(
    registry: str, content: Path, image: Path
) -> None:
    url = f"docker://{registry}/replaced:1"
    push(content, f"{registry}/replaced:1")
    resolve(url, image)
    image.write_bytes(b"another image")
    found = resolve(url, image, run_started=time.time() + 1000)
    assert found == (sha256(b"another image"), "file")


def test_without_its_registry_a_pulled_image_is_named_by_its_hash(
    image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve(f"docker://{NOWHERE}/a:1", image) == (sha256(b"an image"), "file")
    assert "pin the image" in caplog.text


def test_a_pulled_image_is_hashed_once_for_all_processes(image: Path) -> None:
    url = f"docker://{NOWHERE}/a:1"
    first = resolve(url, image)
    again = resolve_image(url, str(image), ImageCache(), run_started=0, digest_file=hash_nothing)
    assert again == first


def test_what_is_kept_names_all_it_depends_on(image: Path) -> None:
    url = f"docker://{NOWHERE}/a:1"
    resolve(url, image)
    assert json.loads(Path(f"{image}.renku.json").read_bytes()) == {
        "url": url,
        "manifest": None,
        "file": sha256(b"an image"),
        "size": len(b"an image"),
        "mtime_ns": image.stat().st_mtime_ns,
    }
    assert sorted(os.listdir(image.parent)) == [image.name, f"{image.name}.renku.json"]


@pytest.mark.parametrize("text", ["", "{}", '{"url": 1}', "null"])
def test_a_broken_file_beside_an_image_is_replaced(image: Path, text: str) -> None:
    beside = Path(f"{image}.renku.json")
    beside.write_text(text)
    assert resolve(f"docker://{NOWHERE}/a:1", image) == (sha256(b"an image"), "file")
    assert json.loads(beside.read_bytes())["file"] == sha256(b"an image")


def test_a_forged_digest_beside_an_image_is_not_believed(image: Path) -> None:
    url = f"docker://{NOWHERE}/a:1"
    resolve(url, image)
    beside = Path(f"{image}.renku.json")
    beside.write_text(beside.read_text().replace('"manifest":null', '"manifest":"sha256:12"'))
    assert resolve(url, image).kind == "file"


def test_an_image_from_the_web_is_named_by_its_hash(image: Path) -> None:
    assert resolve("https://example.org/a.sif", image) == (sha256(b"an image"), "file")


def test_an_image_from_the_web_that_is_not_here_is_unknown() -> None:
    assert resolve("https://example.org/a.sif") == (None, None)


# --- local images


def test_a_local_file_is_named_by_its_hash_and_nothing_is_put_beside_it(image: Path) -> None:
    for url in (str(image), f"file://{image}", f"docker-archive:{image}"):
        assert resolve(url) == (sha256(b"an image"), "file")
        assert resolve(url, image) == (sha256(b"an image"), "file")
    assert os.listdir(image.parent) == [image.name]


def test_a_folder_is_named_by_the_hash_of_its_tree(content: Path) -> None:
    found = resolve(str(content), content)
    assert found.kind == "tree"
    assert found.digest is not None
    assert found.digest.startswith("sha256-tree:")


def test_the_digest_of_a_folder_can_be_computed_otherwise(content: Path) -> None:
    found = resolve_image(
        str(content), None, ImageCache(), run_started=0, digest_tree=lambda path: f"tree of {path}"
    )
    assert found == (f"tree of {content}", "tree")


def test_an_oci_layout_names_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [{"digest": SOME_DIGEST}]}))
    assert resolve(f"oci:{tmp_path}") == (SOME_DIGEST, "manifest")


@pytest.mark.parametrize("text", ["", "{}", '{"manifests": []}', '{"manifests": [{}]}', "[]"])
def test_a_broken_oci_layout_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    assert resolve(f"oci:{tmp_path}") == (None, None)


def test_a_file_that_is_not_there_is_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve(str(tmp_path / "none.sif")) == (None, None)
    assert "none.sif" in caplog.text


def test_a_path_with_a_null_byte_is_unknown() -> None:
    assert resolve_image("a\0b", "a\0b", ImageCache(), run_started=0) == (None, None)


# --- the memory of a process


def test_an_image_is_asked_for_once(registry: str, content: Path) -> None:
    cache = ImageCache()
    url = f"docker://{registry}/once:1"
    first = push(content, f"{registry}/once:1")
    assert resolve(url, cache=cache).digest == first
    (content / "file").write_text("changed")
    push(content, f"{registry}/once:1")
    assert resolve(url, cache=cache).digest == first


def test_a_failure_is_remembered_for_a_while(
    registry: str, content: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"docker://{registry}/late:1"
    patient, eager = ImageCache(retry_after=1000), ImageCache(retry_after=0)
    assert resolve(url, cache=patient) == resolve(url, cache=eager) == (None, None)
    digest = push(content, f"{registry}/late:1")
    assert resolve(url, cache=patient).digest is None
    assert resolve(url, cache=eager).digest == digest


def test_threads_ask_for_an_image_together_once(image: Path) -> None:
    asked: list[str] = []

    def count(path: str) -> str:
        asked.append(path)
        return hash_file(path)

    cache = ImageCache()

    def ask() -> None:
        resolve_image(str(image), None, cache, run_started=0, digest_file=count)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [str(image)]


# --- the real thing


def test_an_image_that_apptainer_pulled_has_its_manifest(
    registry: str, tmp_path: Path, content: Path
) -> None:
    if shutil.which("apptainer") is None:
        pytest.skip("needs apptainer; tests/clusters/up.sh installs it")
    digest = push(content, f"{registry}/real:1")
    started = time.time()
    url, image = f"docker://{registry}/real:1", tmp_path / "real.simg"
    environment = os.environ | {"APPTAINER_CACHEDIR": str(tmp_path), "APPTAINER_NOHTTPS": "1"}
    subprocess.run(["apptainer", "-s", "pull", str(image), url], env=environment, check=True)
    assert resolve(url, image, run_started=started) == (digest, "manifest")
