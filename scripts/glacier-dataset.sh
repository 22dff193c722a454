#!/bin/bash
# Makes the folder of a run of the glacier workflow a DataLad dataset that holds all that the run
# needs: workflow, configuration and input data. Called again, it brings the dataset up to date.
#
#   glacier-dataset.sh FOLDER oetztal|idealised
#
# Changes that were made to the workflow in the dataset are kept.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
workflow=$PWD/workflows/glaciers
run=${1:?folder} source=${2:?source}
export PATH=$bin:$PATH # git finds git-annex there

digest() { # of all files in the folders, by path and content
  find "$@" -type f -not -name '*.pyc' -print0 2>/dev/null | LC_ALL=C sort -z |
    xargs -0r sha256sum | sha256sum | cut -d ' ' -f 1
}

quietly() { # shows what a command says only if it fails
  local said
  said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

save() { # MESSAGE PATH...
  local message=$1
  shift
  quietly datalad -l warning -f disabled save -d . -m "$message" "$@"
}

mkdir -p "$run"
if [ ! -e "$run/.git" ]; then
  quietly datalad -l warning -f disabled create --force "$run"
  cat >"$run/.gitattributes" <<'END'
* annex.backend=SHA256E
* annex.largefiles=(largerthan=50kb)
**/.git* annex.largefiles=nothing
.datalad/** annex.largefiles=nothing
config/** annex.largefiles=nothing
workflow/** annex.largefiles=nothing
END
  printf '%s\n' .snakemake/ __pycache__/ >"$run/.gitignore"
  cat >"$run/renku.toml" <<'END'
[executor]
record = "datalad"
END
fi

here=$(cd "$workflow" && digest workflow config)
cd "$run"
mark=.snakemake/glacier-workflow # what was copied here last, and what that became
read -r copied became 2>/dev/null <"$mark" || copied='' became=''
if [ ! -e workflow ] || { [ "$here" != "$copied" ] && [ "$(digest workflow)" = "$became" ]; }; then
  rm -rf workflow
  mkdir -p config .snakemake
  cp -R "$workflow/workflow" workflow
  find workflow -name __pycache__ -prune -exec rm -rf {} +
  cp "$workflow/config/config.yaml" config/config.yaml
  echo "$here $(digest workflow)" >"$mark"
elif [ "$here" != "$copied" ]; then
  echo "The workflow in this dataset has changes of its own, and stays as it is."
fi
data='data:'
[ "$source" != oetztal ] || data='data: data'
sed -i -e "s/^source:.*/source: $source/" -e "s/^data:.*/$data/" config/config.yaml
save "Workflow and configuration" .gitattributes .gitignore renku.toml config workflow
if [ "$source" = oetztal ] && [ ! -e data ]; then
  quietly "$bin/python" -m glacierbatch.data bring --to data
  save "Input data of 18 glaciers in the Ötztal" data
fi
