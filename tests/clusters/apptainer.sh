#!/bin/bash
# Installs Apptainer on Debian 12 (which does not have it) as one folder, to be run unprivileged.
#
#   apptainer.sh [PREFIX]    default: ${XDG_DATA_HOME:-~/.local/share}/snakemake-renku/apptainer
#
# Prints the `export` lines that make it usable. An Apptainer that is on PATH is taken as it is
# unless a PREFIX is given. The programs come from Debian's newer suites; as they want a newer libc
# than the host's, they get one of their own inside PREFIX, which therefore cannot be moved. The
# host's libc and the configuration of its apt stay as they are.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# Set DEBIAN_MIRROR to take the packages from elsewhere than the host's apt does.
SUITES=(sid trixie) # of apptainer, of its libc

exports() { # BIN
  echo "export PATH=\"$1:\$PATH\""
  echo "export APPTAINER_USERNS=1"
  # Without access to FUSE a SIF file cannot be mounted and is unpacked for each start instead.
  { : <>/dev/fuse; } 2>/dev/null || echo "export APPTAINER_UNSQUASH=1"
}

works() { # BIN: can it run a folder and a SIF file?
  local dir image
  dir=$(mktemp -d)
  (
    trap 'rm -rf "$dir"' EXIT
    eval "$(exports "$1")"
    export APPTAINER_CACHEDIR=$dir/cache APPTAINER_TMPDIR=$dir
    mkdir -p "$dir"/root/{bin,dev,proc,sys,tmp,etc,var/tmp}
    cp "$(command -v busybox)" "$dir/root/bin/sh"
    touch "$dir"/root/etc/{hosts,resolv.conf,localtime,passwd,group}
    apptainer -s build "$dir/root.sif" "$dir/root" >&2 || exit 1
    for image in "$dir/root" "$dir/root.sif"; do
      [ "$(apptainer -s exec --no-home "$image" /bin/sh -c 'echo runs')" = runs ] || exit 1
    done
  )
}

mirror() { # the Debian archive in the host's apt sources; OPTIONS of apt-get
  apt-get -qq "$@" indextargets --format '$(REPO_URI) $(CODENAME)' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' | sed -n 's/ bookworm$//p' | sort -u | sed -n 1p
}

fetch() { # WORK: packages into WORK, by an apt whose state is private
  local work=$1 address state
  mkdir -p "$work"/{lists,cache}/partial
  state=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
    -o APT::Sandbox::User=root -o APT::Default-Release=)
  address=${DEBIAN_MIRROR:-$(mirror)}
  if [ -z "$address" ]; then # apt was never updated here
    apt-get -qq "${state[@]}" update >&2
    address=$(mirror "${state[@]}")
  fi
  [ -n "$address" ] || die "no Debian archive among the sources of apt; set DEBIAN_MIRROR"
  for suite in "${SUITES[@]}"; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $address $suite main"
  done >"$work/sources"
  state+=(-o "Dir::Etc::sourcelist=$work/sources" -o Dir::Etc::sourceparts=-
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none)
  apt-get -qq "${state[@]}" update >&2
  (cd "$work" && apt-get -qq "${state[@]}" download "apptainer/${SUITES[0]}" "libc6/${SUITES[1]}" >&2)
}

unpack() { # WORK PREFIX
  local work=$1 prefix=$2 loader libraries f
  dpkg-deb -x "$work"/apptainer_*.deb "$work/apptainer"
  dpkg-deb -x "$work"/libc6_*.deb "$work/libc"
  rm -rf "$prefix"
  mkdir -p "$prefix/glibc"
  touch "$prefix/.snakemake-renku-apptainer"
  cp -a "$work/apptainer/usr/." "$work/apptainer/etc" "$prefix/"
  libraries=$(echo "$work"/libc/usr/lib/*-linux-gnu*/)
  loader=$(basename "$(echo "$libraries"/ld-linux*)")
  for f in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 libresolv.so.2 librt.so.1 \
    libnss_files.so.2 libnss_dns.so.2 "$loader"; do
    cp -L "$libraries/$f" "$prefix/glibc/"
  done
  chmod 755 "$prefix/glibc/$loader"
  for f in "$prefix/bin/apptainer" "$prefix"/lib/*-linux-gnu*/apptainer/bin/starter; do
    patchelf --set-interpreter "$prefix/glibc/$loader" --set-rpath "$prefix/glibc" --force-rpath "$f"
  done
  # The starter takes its prefix to be one folder deeper than it is (Debian's multi-arch libexec).
  mkdir -p "$prefix"/{,lib/}var/lib/apptainer/mnt/session
  ln -sfn ../etc "$prefix/lib/etc"
}

if [ $# = 0 ] && found=$(command -v apptainer); then
  exports "$(dirname "$found")"
  exit 0
fi
PREFIX=$(realpath -m "${1:-${XDG_DATA_HOME:-$HOME/.local/share}/snakemake-renku/apptainer}")
MARKER=$PREFIX/.snakemake-renku-apptainer
if [ -e "$MARKER" ] && "$PREFIX/bin/apptainer" --version >/dev/null 2>&1; then
  exports "$PREFIX/bin"
  exit 0
fi
need_debian_12 apptainer
if [ ! -e "$MARKER" ] && [ -n "$(ls -A "$PREFIX" 2>/dev/null)" ]; then
  die "$PREFIX is not empty and was not made by this script; name another folder"
fi
need_packages patchelf squashfs-tools squashfuse uidmap busybox-static ca-certificates debian-archive-keyring
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
fetch "$WORK"
unpack "$WORK" "$PREFIX"
if ! works "$PREFIX/bin"; then
  rm -f "$PREFIX/bin/apptainer" # so that the next start does not take it for a working one
  die "Apptainer is installed but cannot run a container (are user namespaces allowed here?)"
fi
exports "$PREFIX/bin"
