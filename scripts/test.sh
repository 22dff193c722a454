#!/bin/bash
# Runs the tests of the package and of the glacier workflow.
#
#   test.sh [OPTION...]   options and paths of pytest; with any, it is started once, with those alone
#
# Tests that need containers, R or environment modules find them through tests/clusters/.env, which
# `make clusters` writes, and are skipped, by name, without it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
PATH=$PWD/.venv/bin:$PATH
if [ -e tests/clusters/.env ]; then
  . tests/clusters/.env
fi

[ $# = 0 ] || exec "$python" -m pytest "$@"

# Two starts, since each has a configuration and a conftest of its own.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
"$python" -m pytest tests 2>&1 | tee "$logs/1" || status=1
(cd workflows/glaciers && "$python" -m pytest) 2>&1 | tee "$logs/2" || status=1
echo
echo "snakemake-renku  $(tail -n 1 "$logs/1")"
echo "glacierbatch     $(tail -n 1 "$logs/2")"
exit $status
