#!/bin/bash
# Debian's docker-registry (an OCI registry, plain HTTP) on 127.0.0.1.
#
#   registry.sh up|down|status     up and status print HOST:PORT; down deletes what was stored
#   env: PORT (5055), ROOT (the folder of its storage, configuration, log and pid),
#        HTPASSWD (a file of users with bcrypt hashes: who asks must log in)
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${PORT:-5055}
ROOT=${ROOT:-${TMPDIR:-/tmp}/snakemake-renku-registry-$(id -u)-$PORT}
ADDRESS=127.0.0.1:$PORT

running() { [ -s "$ROOT/pid" ] && process_has "$(cat "$ROOT/pid")" "$ROOT/config.yml"; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
wait_until() { # up to 10 s
  for _ in {1..100}; do "$@" && return 0; sleep 0.1; done
  return 1
}
ended() { ! running; }

up() {
  running && return 0
  if ! command -v docker-registry >/dev/null; then
    need_debian_12 docker-registry
    need_packages docker-registry
  fi
  if answers; then die "something else listens on $ADDRESS; set PORT"; fi
  (umask 077 && mkdir -p "$ROOT")
  [ -O "$ROOT" ] || die "$ROOT belongs to somebody else; set ROOT"
  cat >"$ROOT/config.yml" <<CONFIG
version: 0.1
storage:
  filesystem: {rootdirectory: "$ROOT/storage"}
  delete: {enabled: true}
http: {addr: "$ADDRESS"}
log: {level: error, accesslog: {disabled: true}}
CONFIG
  [ -z "${HTPASSWD:-}" ] ||
    echo "auth: {htpasswd: {realm: test, path: \"$HTPASSWD\"}}" >>"$ROOT/config.yml"
  setsid docker-registry serve "$ROOT/config.yml" >"$ROOT/log" 2>&1 </dev/null &
  echo $! >"$ROOT/pid"
  wait_until answers || die "the registry did not start: $(tail -3 "$ROOT/log")"
}

down() {
  if running; then
    kill "$(cat "$ROOT/pid")"
    wait_until ended || die "the registry does not end"
  fi
  [ ! -e "$ROOT/config.yml" ] || rm -rf "$ROOT"/{storage,config.yml,log,pid}
  rmdir "$ROOT" 2>/dev/null || true
}

case ${1:-} in
  up) up && echo "$ADDRESS" ;;
  down) down ;;
  status) running && echo "$ADDRESS" ;;
  *) die "usage: registry.sh up|down|status" ;;
esac
