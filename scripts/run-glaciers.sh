#!/bin/bash
# Runs the glacier workflow on this machine, through the executor renku.
#
#   run-glaciers.sh [OPTION...]     options of snakemake, as --cores 2 or --dry-run
#
# RESULTS names the folder of the run (runs/glaciers). It becomes a DataLad dataset that holds all: the
# workflow, its input data, and what ran, recorded. The real glaciers are taken if their data can be
# had (from the folder GLACIERBATCH_DATA, or else by download), idealised ones if not.
# The exit code is that of snakemake.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
root=$PWD
bin=$root/.venv/bin
run=$(cd "$here" && realpath -m "${RESULTS:-$root/runs/glaciers}")

if found=$("$bin/python" -m glacierbatch.data check 2>&1); then
  source=oetztal
  echo "Real glaciers: 18 in the Ötztal ($found)."
elif [ -n "${GLACIERBATCH_DATA:-}" ]; then
  echo "The data that GLACIERBATCH_DATA names cannot be used. $found" >&2
  exit 1
else
  source=idealised
  echo "Idealised glaciers, made from a seed, since there are no data of real ones: $found."
fi
[ -z "${GLACIERBATCH_DATA:-}" ] || GLACIERBATCH_DATA=$(realpath "$GLACIERBATCH_DATA")

# Commits need an author, also where none is set up; this one is for this run alone.
if ! git var GIT_COMMITTER_IDENT >/dev/null 2>&1; then
  echo "git knows no name of yours; the commits of this run are by \"$(id -un)\"."
  export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
  GIT_AUTHOR_NAME=$(id -un) GIT_AUTHOR_EMAIL=$(id -un)@$(uname -n)
  GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
fi

scripts/glacier-dataset.sh "$run" "$source"
status=0
PATH=$bin:$PATH "$bin/snakemake" --profile "$root/profiles/local" \
  --snakefile "$run/workflow/Snakefile" --directory "$run" "$@" || status=$?

relative() { realpath --relative-base="$here" -- "$1"; }
row() { # NAME PATH: if it is there
  [ ! -e "$2" ] || printf '  %-9s %s\n' "$1" "$(relative "$2")"
}
shown=$(printf %q "$(relative "$run")")
command=$(printf %q "$(relative "$bin/snakemake-renku")")
journals=$run/.snakemake/renku/runs

echo
if [ $status = 0 ]; then
  echo "Done. Source of the glaciers: $source."
else
  echo "Snakemake ended with exit code $status."
fi
row summary "$run/results/summary.html"
row dataset "$run/results/glaciers.nc"
row plots "$run/results/plots"
if [ -d "$journals" ]; then
  row journal "$journals/$(find "$journals" -name '*.jsonl' -printf '%f\n' | sort | tail -n 1)"
  cat <<END
The runs, all that is recorded of how a file was made, and where it comes from:
  $command log --directory $shown
  $command show --directory $shown results/glaciers.nc
  $command lineage --directory $shown results/plots/region.png
A reviewer clones the dataset, and replays it:
  git clone $shown review
  PATH=$(printf %q "$(relative "$bin")"):\$PATH snakemake-renku replay --directory review
END
fi
exit $status
