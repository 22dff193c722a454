#!/bin/bash
# Brings up all that the tests of Slurm, containers, R scripts, environment modules and HTML pages
# need on Debian 12, and writes the variables that lead to it into .env beside this file, to be
# sourced before tests.
#
#   up.sh [FOLDER]   default: ${XDG_DATA_HOME:-~/.local/share}/snakemake-renku, holds what is made
set -euo pipefail
HERE=$(realpath "$(dirname "$0")")
. "$HERE/common.sh"
HOME_OF_ALL=$(realpath -m "${1:-${XDG_DATA_HOME:-$HOME/.local/share}/snakemake-renku}")
IMAGES=$HOME_OF_ALL/images

need_debian_12 "apptainer, docker-registry, R, environment-modules, chromium and Slurm"
# All at once: each start of apt costs seconds.
need_packages patchelf squashfs-tools squashfuse uidmap busybox-static ca-certificates git \
  debian-archive-keyring docker-registry r-base-core environment-modules chromium python3
echo "R           $(R --version | sed -n 1p)"
echo "modules     /usr/share/modules/init/bash"
echo "browser     $(chromium --version 2>/dev/null)"

variables=$("$HERE/apptainer.sh" "$HOME_OF_ALL/apptainer")
eval "$variables"
echo "apptainer   $(apptainer version) in $HOME_OF_ALL/apptainer"

RENKU_TEST_REGISTRY=$("$HERE/registry.sh" up)
export RENKU_TEST_REGISTRY
echo "registry    $RENKU_TEST_REGISTRY"

digest=$("$HERE/image.sh" "$IMAGES")
echo "images      $IMAGES; $RENKU_TEST_REGISTRY/snakemake-renku/test:1 is $digest"

RENKU_TEST_SLURM=$("$HERE/slurm.sh" up)
echo "slurm       $(sinfo --version) in $RENKU_TEST_SLURM"

cat >"$HERE/.env" <<ENV
$variables
export APPTAINER_NOHTTPS=1
export RENKU_TEST_REGISTRY=$RENKU_TEST_REGISTRY
export RENKU_TEST_IMAGE=$IMAGES/shell.sif
export RENKU_TEST_IMAGES=$IMAGES
export RENKU_TEST_MODULES=/usr/share/modules/init/bash
export RENKU_TEST_SLURM=$RENKU_TEST_SLURM
export RENKU_TEST_SLURMREST=http://127.0.0.1:6820
ENV
echo "variables   $HERE/.env"
