"""Where the input files come from: a local folder, or their public home.

python -m glacierbatch.data check [--data FOLDER]     exit code 0 if real data can be had, else 1
python -m glacierbatch.data fetch --to FOLDER         download and verify
python -m glacierbatch.data bring --to FOLDER         the same, from a local folder if one is given
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from glacierbatch.download import fetch, reachable, write_whole
from glacierbatch.errors import DataError
from glacierbatch.manifest import BASE_URL, FOLDER, entries, verify

VARIABLE = "GLACIERBATCH_DATA"


def local_folder(configured: str | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that the config or else the environment names, or None if neither does.

    Both the data folder itself and the folder that contains it as `oggm-sample-data` will do.
    Raises DataError if the named folder does not exist.
    """
    origin, given = "config key `data`", configured
    if not given:
        origin, given = f"environment variable {VARIABLE}", environment.get(VARIABLE)
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"{origin}: given {given!r}, which is not a folder")
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def own_data(configured: str | None) -> bool:
    """Whether the config names a folder of the project itself, by a relative path."""
    return bool(configured) and not Path(str(configured)).expanduser().is_absolute()


def gather(folder: Path, configured: str | None, base_url: str = BASE_URL) -> str:
    """Bring all input files, verified, into a folder; returns where they came from.

    Raises DataError if a file is missing, differs from its checksum, or cannot be fetched.
    """
    source = local_folder(configured)
    if source is None:
        fetch(folder, base_url)
        return base_url
    verify(source)
    for entry in entries():
        write_whole(folder / entry.path, (source / entry.path).read_bytes())
    return str(source)


def data_root(files: Sequence[str]) -> Path:
    """The data folder that holds these files of the manifest."""
    first = entries()[0].path
    for file in files:
        if str(file).endswith(first):
            return Path(str(file)[: -len(first)])
    raise DataError(f"no {first} among the input files")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m glacierbatch.data", description="Input files")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="exit code 0 if the real data can be had, else 1")
    check.add_argument("--data", metavar="FOLDER", help=f"local folder (default: ${VARIABLE})")
    get = commands.add_parser("fetch", help="download and verify the files")
    get.add_argument("--to", metavar="FOLDER", type=Path, required=True)
    bring = commands.add_parser("bring", help="copy from a local folder or download, and verify")
    bring.add_argument("--to", metavar="FOLDER", type=Path, required=True)
    bring.add_argument("--data", metavar="FOLDER", help=f"local folder (default: ${VARIABLE})")
    for command in (check, get, bring):
        command.add_argument("--url", default=BASE_URL, help="other address of the same files")
    options = parser.parse_args(arguments)
    try:
        print(_DO[options.command](options))
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check(options: argparse.Namespace) -> str:
    folder = local_folder(options.data)
    if folder is None:
        if not reachable(options.url):
            raise DataError(
                f"no local folder is given ({VARIABLE} is not set) and {options.url} is out of reach"
            )
        return f"{options.url} answers"
    verify(folder)
    return f"{folder}: all {len(entries())} files are right"


def _get(options: argparse.Namespace) -> str:
    fetch(options.to, options.url)
    return f"{options.to}: all {len(entries())} files are right"


def _bring(options: argparse.Namespace) -> str:
    return f"{options.to}: from {gather(options.to, options.data, options.url)}"


_DO = {"check": _check, "fetch": _get, "bring": _bring}

if __name__ == "__main__":
    sys.exit(main())
