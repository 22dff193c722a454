"""Jobs in containers: in the recorded image by its digest, or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.model import Environment, ResolvedEnvironment
from snakemake_renku.replay.execute import Places
from snakemake_renku.replay.execute.images import ImageMissing, Images

from .conftest import Project, replay

FILE = Path(__file__).parents[1] / "clusters" / ".env"


def _env() -> dict[str, str]:
    """What tests/clusters/up.sh has brought up on this machine."""
    text = FILE.read_text() if FILE.exists() else ""
    found = dict(re.findall(r'^export (\w+)="?(.*?)"?$', text, re.M))
    return {key: value.replace("$PATH", os.environ["PATH"]) for key, value in found.items()}


ENV = _env()
REGISTRY = ENV.get("RENKU_TEST_REGISTRY", "")
IMAGE = Path(ENV.get("RENKU_TEST_IMAGE", ""))


def _no_containers() -> bool:
    if not (shutil.which("apptainer", path=ENV.get("PATH")) and IMAGE.is_file()):
        return True
    script = FILE.with_name("registry.sh")
    return subprocess.run([str(script), "up"], capture_output=True, check=False).returncode != 0


pytestmark = pytest.mark.skipif(
    _no_containers(), reason="there is no apptainer with a registry (tests/clusters/up.sh)"
)


@pytest.fixture(scope="module", autouse=True)
def apptainer() -> None:
    os.environ.update(ENV)


@pytest.fixture(scope="module")
def digest() -> str:
    """The manifest digest of the image in the registry."""
    import requests

    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    url = f"http://{REGISTRY}/v2/snakemake-renku/test/manifests/1"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.head(url, headers=accept, timeout=5)
    return answer.headers["Docker-Content-Digest"]


@pytest.fixture(scope="module")
def project(scratch: Callable[[str], Path], digest: str) -> Project:
    project = Project(scratch("containers"))
    project.write("Snakefile", f"""
        rule all:
            input: "registry.txt", "file.txt"
        rule registry:
            output: "registry.txt"
            container: "docker://{REGISTRY}/snakemake-renku/test@{digest}"
            shell: "test -d /usr/lib/python3 || echo inside > {{output}}"
        rule file:
            output: "file.txt"
            container: "images/image.sif"
            shell: "test -d /usr/lib/python3 || echo inside > {{output}}"
        """)  # fmt: skip
    (project.root / "images").mkdir()
    shutil.copy(IMAGE, project.root / "images/image.sif")
    project.begin()
    project.run("--sdm", "apptainer", **ENV)
    project.commit()
    return project


def test_jobs_run_in_the_recorded_images(project: Project, digest: str, tmp_path: Path) -> None:
    replayed = replay(project, project.clone(tmp_path / "clone"))
    assert all(executed.ok for executed in replayed.executed.values())
    assert replayed.replayed("registry") == replayed.recorded("registry")
    for rule in ("registry", "file"):
        record = replayed.one(rule).record
        was = replayed.jobs(rule)[0].record
        assert record is not None
        assert was is not None
        environment = record.steps[0].environment
        assert environment.image_digest == was.steps[0].environment.image_digest
        assert environment.image_digest is not None


def test_another_image_file_is_not_used(project: Project, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone")
    with (clone / "images/image.sif").open("ab") as file:
        file.write(b"more")
    reason = replay(project, clone, "file").one("file").not_replayable
    assert reason is not None
    assert reason.startswith("its image images/image.sif is another one now: sha256:")


def test_an_image_file_that_is_gone_is_told(project: Project, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone")
    (clone / "images/image.sif").unlink()
    reason = replay(project, clone, "file").one("file").not_replayable
    assert reason == "its image images/image.sif is gone"


@pytest.fixture
def images(tmp_path: Path) -> Images:
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    places = Places(str(tmp_path / "recorded"), tmp_path / "clone")
    return Images(places, tmp_path / "images", lambda message: None)


def test_a_tag_is_pulled_by_the_digest_that_it_had(
    images: Images, digest: str, tmp_path: Path
) -> None:
    url = f"docker://{REGISTRY}/snakemake-renku/test:moved-since"
    was = ResolvedEnvironment(container=url, image_digest=digest, image_digest_of="manifest")
    name = images.provide(Environment(container=url), was)
    assert name == f"docker://{REGISTRY}/snakemake-renku/test@{digest}"
    (pulled,) = (tmp_path / "images").glob("*.simg")
    assert pulled.stat().st_size > 1000


def test_an_image_that_its_registry_no_longer_has_is_gone(images: Images) -> None:
    url = f"docker://{REGISTRY}/snakemake-renku/test:1"
    digest = "sha256:" + "0" * 64
    was = ResolvedEnvironment(container=url, image_digest=digest, image_digest_of="manifest")
    pinned = f"docker://{REGISTRY}/snakemake-renku/test@{digest}"
    with pytest.raises(ImageMissing, match=f"its image {pinned} is gone: "):
        images.provide(Environment(container=url), was)


def test_an_image_whose_digest_is_unknown_is_not_guessed(images: Images) -> None:
    url = f"docker://{REGISTRY}/snakemake-renku/test:1"
    with pytest.raises(ImageMissing, match=r"the digest of its image .* was not recorded"):
        images.provide(Environment(container=url), ResolvedEnvironment(container=url))


def test_a_pulled_file_is_used_where_the_recorded_run_left_it(
    images: Images, tmp_path: Path
) -> None:
    from snakemake_renku.runner.digest import digest_file

    kept = tmp_path / "recorded" / ".snakemake" / "singularity" / "x.simg"
    kept.parent.mkdir(parents=True)
    shutil.copy(IMAGE, kept)
    url = "docker://registry.invalid/name:1"
    was = ResolvedEnvironment(url, image_digest=digest_file(str(kept)), image_digest_of="file")
    name = images.provide(Environment(url, image_path=str(kept)), was)
    assert Path(name).resolve() == kept
