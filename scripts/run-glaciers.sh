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
  printf 'The data that GLACIERBATCH_DATA names cannot be used:\n%s\n' "$found" >&2
  exit 1
else
  source=idealised
  printf 'Idealised glaciers, made from a seed, since the data of real ones are out of reach:\n%s\n' "$found"
fi
[ -z "${GLACIERBATCH_DATA:-}" ] || GLACIERBATCH_DATA=$(realpath "$GLACIERBATCH_DATA")

mkdir -p "$run"
status=0
"$bin/snakemake" --profile "$root/profiles/local" \
  --snakefile "$root/workflows/glaciers/workflow/Snakefile" \
  --configfile "$root/workflows/glaciers/config/config.yaml" \
  --directory "$run" "$@" --config source=$source || status=$?

relative() { realpath --relative-base="$here" -- "$1"; }
shown=$(printf %q "$(relative "$run")")
command=$(printf %q "$(relative "$bin/snakemake-renku")")
journal=$(find "$run/.snakemake/renku/runs" -name '*.jsonl' 2>/dev/null | sort | tail -n 1)

echo
if [ $status = 0 ]; then
  echo "Done. Source of the glaciers: $source."
else
  echo "Snakemake ended with exit code $status."
fi
cat <<END
  summary   $(relative "$run")/results/summary.html
  dataset   $(relative "$run")/results/glaciers.nc
  plots     $(relative "$run")/results/plots/
  journal   ${journal:+$(relative "$journal")}
What ran:
  $command log --directory $shown               the runs
  $command log --directory $shown latest        the jobs of the latest one
  $command show --directory $shown results/glaciers.nc   all that is recorded of how a file was made
END
exit $status
