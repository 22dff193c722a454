#!/bin/bash
# Runs the glacier workflow on this machine, through the executor renku.
#
#   run-glaciers.sh [OPTION...]     options of snakemake, as --cores 2 or --dry-run
#
# RESULTS names the folder of the run (runs/glaciers). The real glaciers are taken if their data can
# be had (from the folder GLACIERBATCH_DATA, or else by download), idealised ones if not.
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

# In a file rather than by --config, which an own --config among the options would undo.
mkdir -p "$run"
echo "source: $source" >"$run/source.yaml"
status=0
"$bin/snakemake" --profile "$root/profiles/local" \
  --snakefile "$root/workflows/glaciers/workflow/Snakefile" \
  --configfile "$root/workflows/glaciers/config/config.yaml" "$run/source.yaml" \
  --directory "$run" "$@" || status=$?

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
The runs, the jobs of the latest one, and all that is recorded of how a file was made:
  $command log --directory $shown
  $command log --directory $shown latest
  $command show --directory $shown results/glaciers.nc
END
fi
exit $status
