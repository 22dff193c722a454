#!/usr/bin/env python3
"""Push a folder as an image of one layer to a registry, with the standard library alone.

    push.py FOLDER HOST:PORT/REPOSITORY:TAG      prints the manifest digest

The registry is spoken to in plain HTTP without login. Owner, times and order are normalised, so
that the same content has the same digest. OCI Distribution Specification 1.1, "Push"; OCI Image
Format Specification 1.1.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import urllib.parse
import urllib.request
from pathlib import Path

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
TYPE = "application/vnd.oci.image."


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(folder: Path) -> bytes:
    """Return an uncompressed tar of what is in the folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            info = tar.gettarinfo(path, path.relative_to(folder).as_posix())
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = "root"
            # Hard links depend on the order in which files are met: store each as a file.
            if path.is_file() and not path.is_symlink():
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)
    return buffer.getvalue()


def send(method: str, url: str, data: bytes = b"", media: str = "application/octet-stream") -> str:
    """Return the Location that the registry answers with."""
    request = urllib.request.Request(url, data, {"Content-Type": media}, method=method)
    with urllib.request.urlopen(request) as response:
        return urllib.parse.urljoin(url, str(response.headers.get("Location", "")))


def blob(base: str, data: bytes, media: str) -> dict[str, object]:
    location = send("POST", f"{base}/blobs/uploads/")
    separator = "&" if "?" in location else "?"
    send("PUT", f"{location}{separator}digest={urllib.parse.quote(sha256(data))}", data)
    return {"mediaType": TYPE + media, "digest": sha256(data), "size": len(data)}


def push(folder: Path, reference: str) -> str:
    host, _, name = reference.partition("/")
    repository, _, tag = name.rpartition(":")
    base = f"http://{host}/v2/{repository}"
    tar = layer(folder)
    machine = os.uname().machine
    config = {
        "architecture": MACHINES.get(machine, machine),
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(tar)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE + "manifest.v1+json",
        "config": blob(base, json.dumps(config).encode(), "config.v1+json"),
        "layers": [blob(base, gzip.compress(tar, mtime=0), "layer.v1.tar+gzip")],
    }
    body = json.dumps(manifest).encode()
    send("PUT", f"{base}/manifests/{tag}", body, TYPE + "manifest.v1+json")
    return sha256(body)


if __name__ == "__main__":
    if len(sys.argv) != 3 or ":" not in sys.argv[2].rpartition("/")[2]:
        sys.exit(__doc__)
    print(push(Path(sys.argv[1]), sys.argv[2]))
