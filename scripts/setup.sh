#!/bin/bash
# Makes the virtual environment of this checkout, with the locked versions of everything.
#
#   setup.sh run|dev
#
# run: what the glacier workflow needs; dev: what tests and checks need as well. PYTHON names an
# interpreter; without it, it is the newest from 3.11 to 3.13 on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?run or dev}
venv=.venv

die() { echo "setup: $*" >&2; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # newer ones only as python3: not all packages have wheels for them yet
  local name
  if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || die "PYTHON=$PYTHON is not a Python of version 3.11 or newer"
    echo "$PYTHON"
    return
  fi
  for name in python3.13 python3.12 python3.11 python3 python; do
    # Run it: a name on PATH may be a shim for a version that is not switched on.
    if new_enough "$name"; then
      echo "$name"
      return
    fi
  done
  die "needs Python 3.11 or newer, and finds none (tried python3.13, python3.12, python3.11," \
    "python3, python). Install one (Debian: apt-get install python3 python3-venv), or name it:" \
    "make PYTHON=/path/to/python"
}

case $PWD in
  *[[:space:]]*)
    die "Snakemake cannot run Python scripts with an environment whose path has spaces in it, and it" \
      "would be made here, in $PWD. Please move this checkout to a path without spaces."
    ;;
esac

if ! { [ -x "$venv/bin/pip" ] && new_enough "$venv/bin/python"; }; then
  python=$(find_python)
  echo "setup: $("$python" --version) into $venv"
  "$python" -c 'import ensurepip' 2>/dev/null ||
    die "$python has no ensurepip, which venv needs (Debian: apt-get install python3-venv)"
  "$python" -m venv --clear "$venv"
fi
rm -f "$venv/.run" "$venv/.dev"
echo "setup: packages of requirements/$what.txt (the first time takes minutes)"
# Through its module: pip's own script does not start from a path that is long or has spaces.
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet --requirement "requirements/$what.txt"
"${pip[@]}" install --quiet --no-deps --no-build-isolation --editable . --editable workflows/glaciers
pwd -P >"$venv/.place"
touch "$venv/.run"
[ "$what" = run ] || touch "$venv/.dev"
echo "setup: ready"
