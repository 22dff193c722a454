#!/bin/bash
# Resolves the dependencies of both packages anew: requirements/dev.txt, and run.txt with the same
# versions. Needs uv. Options are passed on to it, e.g. --upgrade or --upgrade-package snakemake.
set -euo pipefail
cd "$(dirname "$0")/.."

UV=${UV:-uv}
command -v "$UV" >/dev/null || {
  echo "lock.sh: needs uv (pip install uv), or set UV to where it is" >&2
  exit 1
}

compile() { # OUTPUT OPTION...
  local output=$1
  shift
  "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
    --output-file "$output" "$@" \
    pyproject.toml workflows/glaciers/pyproject.toml requirements/build.in
}

compile requirements/dev.txt --extra dev --extra test "$@"
compile requirements/run.txt --extra replay --extra slurm --constraint requirements/dev.txt
if grep -nE '://|^-|@ ?file:' requirements/dev.txt requirements/run.txt; then
  echo "lock.sh: the lines above name a place; a lock must hold names, versions and hashes only" >&2
  exit 1
fi
