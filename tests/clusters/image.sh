#!/bin/bash
# Makes small images for tests out of the host's own programs, without any network.
#
#   image.sh OUT     OUT/tiny, OUT/tiny.sif      busybox alone
#                    OUT/shell, OUT/shell.sif    bash and coreutils, for `container:` shell jobs
#   env: RENKU_TEST_REGISTRY   HOST:PORT; OUT/shell is pushed there as snakemake-renku/test:1
#
# SIF files are made where apptainer is on PATH.
set -euo pipefail
HERE=$(realpath "$(dirname "$0")")
. "$HERE/common.sh"
[ $# = 1 ] || die "usage: image.sh OUT"
PROGRAMS=(bash sh env cat cp mv rm ln ls mkdir rmdir touch chmod date echo printf true false test sleep
  sort uniq cut tr wc head tail tee seq basename dirname realpath readlink stat df du id uname nproc
  sha256sum md5sum mktemp grep sed find xargs hostname ps awk)

skeleton() { # ROOT: with the files on which apptainer mounts the host's
  mkdir -p "$1"/{usr/bin,usr/lib,usr/lib64,dev,proc,sys,tmp,etc,root,home,var/tmp,mnt,opt}
  ln -sfn usr/bin "$1/bin"
  ln -sfn usr/lib "$1/lib"
  ln -sfn usr/lib64 "$1/lib64"
  chmod 1777 "$1/tmp" "$1/var/tmp"
  touch "$1"/etc/{hosts,resolv.conf,localtime}
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

tiny() { # ROOT
  local name
  skeleton "$1"
  cp "$(command -v busybox)" "$1/usr/bin/busybox"
  for name in $("$1/usr/bin/busybox" --list); do
    [ -e "$1/usr/bin/$name" ] || ln -s busybox "$1/usr/bin/$name"
  done
}

add_program() { # ROOT NAME: the program and the libraries that it is linked with
  local path library
  path=$(type -P "$2") || return 0
  cp -L "$path" "$1/usr/bin/$2"
  for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true); do
    [ -e "$1$library" ] || install -D "$library" "$1$library"
  done
}

shell() { # ROOT
  local name
  skeleton "$1"
  for name in "${PROGRAMS[@]}"; do add_program "$1" "$name"; done
}

OUT=$(realpath -m "$1")
command -v busybox >/dev/null || { need_debian_12 busybox && need_packages busybox-static; }
mkdir -p "$OUT"
for name in tiny shell; do
  if [ ! -e "$OUT/$name/etc/group" ]; then
    rm -rf "${OUT:?}/$name" "$OUT/$name.new"
    "$name" "$OUT/$name.new"
    mv "$OUT/$name.new" "$OUT/$name"
  fi
  if [ ! -e "$OUT/$name.sif" ] && command -v apptainer >/dev/null; then
    apptainer -s build "$OUT/$name.new.sif" "$OUT/$name" >&2
    mv "$OUT/$name.new.sif" "$OUT/$name.sif"
  fi
done
if [ -n "${RENKU_TEST_REGISTRY:-}" ]; then
  "${PYTHON:-python3}" "$HERE/push.py" "$OUT/shell" "$RENKU_TEST_REGISTRY/snakemake-renku/test:1"
fi
