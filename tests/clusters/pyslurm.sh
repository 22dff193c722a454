#!/bin/bash
# A second, newer Slurm (Debian sid's: 26.05 when written) with accounting, slurmrestd and pyslurm, in
# a folder of its own, as root, without systemd. Not part of up.sh: only the tests of the pyslurm
# client and of slurmrestd's newer answers want it. 3 minutes on 2 cores, seconds afterwards.
#
#   pyslurm.sh [up|down|wipe]
#
#   ROOT=/var/lib/slurm-pyslurm   the root file system (1.6 GB), made from the Debian MIRROR
#   PYSLURM=25.11.2               the version of pyslurm on PyPI
#
# Ports 27816-27820, 27101 and 27102; the cluster "two", partition "all", nodes n1 and n2 (this
# machine). REST: unix socket $ROOT/run/slurm/rest.sock, and http://127.0.0.1:27820 with a token of
#   chroot $ROOT scontrol token username=root lifespan=86400
# This checkout is seen in ROOT at its own path, and cannot be changed there.
#
# pyslurm wants exactly the Slurm of its own version. Debian's is newer, so it is built against headers
# that pretend to be of pyslurm's version, with Slurm's own SLURM_BACKWARD_COMPAT, a function by
# its new name, and without the module of its old interface, which newer headers do not allow and
# nothing here uses. That is good for tests of our code, not for users.
set -euo pipefail
HERE=$(realpath "$(dirname "$0")")
. "$HERE/common.sh"
ROOT=${ROOT:-/var/lib/slurm-pyslurm}
PYSLURM=${PYSLURM:-25.11.2}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
REPOSITORY=$(realpath "$HERE/../..")
RUN=$ROOT/run/slurm
LOGS=$ROOT/var/log/slurm
[ "$(id -u)" = 0 ] || die "as root, please"

inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$ROOT" "$@"; }

alive() { # NAME PROGRAM: is the pid in its file a process of that program, and not a zombie?
  local pid
  [ -s "$RUN/$1.pid" ] || return 1
  read -r pid <"$RUN/$1.pid" || true
  [ "$(sed -n 's/^Name:\t//p' "/proc/$pid/status" 2>/dev/null)" = "$2" ] &&
    ! grep -q '^State:.[ZX]' "/proc/$pid/status"
}
stop() { # NAME PROGRAM
  local pid i
  if alive "$1" "$2"; then
    read -r pid <"$RUN/$1.pid" || true
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 150; i++)); do alive "$1" "$2" || break; sleep 0.1; done
    if alive "$1" "$2"; then kill -9 "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$RUN/$1.pid"
}
wait_for() { # WHAT COMMAND...
  local i what=$1; shift
  for ((i = 0; i < 150; i++)); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.2; done
  die "timed out: $what (logs in $LOGS)"
}

down() {
  local place
  if alive slurmctld slurmctld; then inside scancel -u root 2>/dev/null || true; sleep 1; fi
  stop rest slurmrestd; stop rest-jwt slurmrestd
  stop slurmd-n1 slurmd; stop slurmd-n2 slurmd
  stop slurmctld slurmctld; stop slurmdbd slurmdbd; stop mariadb mariadbd; stop munged munged
  awk -v r="$ROOT/" 'index($2, r) == 1 {print $2}' /proc/mounts | sort -r | while read -r place; do
    umount "$place" 2>/dev/null || umount -l "$place"
  done
}

case "${1:-up}" in
  up) ;;
  down) down; exit 0 ;;
  wipe)
    down
    if grep -q " $ROOT/" /proc/mounts; then die "something is still mounted below $ROOT"; fi
    case $ROOT in /*/*) rm -rf --one-file-system "$ROOT" ;; *) die "not deleting $ROOT" ;; esac
    exit 0 ;;
  *) die "usage: pyslurm.sh [up|down|wipe]" ;;
esac

# --- 1. the root file system ----------------------------------------------------------------------
if [ ! -x "$ROOT/usr/bin/apt-get" ]; then
  need_packages debootstrap debian-archive-keyring ca-certificates
  say "Debian sid in $ROOT"
  debootstrap --variant=minbase --include=ca-certificates \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg sid "$ROOT" "$MIRROR" >&2
fi
mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
mountpoint -q "$ROOT/dev" || mount --bind /dev "$ROOT/dev"
mkdir -p "$ROOT$REPOSITORY"
if ! mountpoint -q "$ROOT$REPOSITORY"; then
  mount --bind "$REPOSITORY" "$ROOT$REPOSITORY"
  mount -o remount,bind,ro "$ROOT$REPOSITORY"
fi
if [ ! -e "$ROOT/.packages" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"   # no package starts its daemon
  chmod +x "$ROOT/usr/sbin/policy-rc.d"
  { apt-config dump | grep -E '^Acquire::Check-(Date|Valid-Until) ' || true
    echo 'Acquire::Languages "none"; APT::Install-Recommends "false";'
  } >"$ROOT/etc/apt/apt.conf.d/99tests"
  cp /etc/resolv.conf /etc/hosts "$ROOT/etc/"
  inside sh -c 'export DEBIAN_FRONTEND=noninteractive; apt-get -qq update &&
    apt-get -qq -y install munge slurmctld slurmd slurm-client slurmdbd slurmrestd \
      slurm-wlm-basic-plugins slurm-wlm-mysql-plugin slurm-wlm-jwt-plugin mariadb-server procps \
      libslurm-dev python3-dev python3-venv gcc libc6-dev' >&2
  touch "$ROOT/.packages"
fi

# --- 2. pyslurm -----------------------------------------------------------------------------------
if ! inside /opt/tests/bin/python -c 'import importlib.util as u; u.find_spec("pyslurm") or 1 / 0' 2>/dev/null; then
  say "building pyslurm $PYSLURM"
  cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/"
  inside env PYSLURM="$PYSLURM" bash -euo pipefail -c '
    python3 -m venv /opt/tests
    pip() { /opt/tests/bin/python -m pip -q --disable-pip-version-check "$@"; }
    pip install setuptools wheel "cython>=3" packaging msgspec psutil pytest pytest-timeout
    rm -rf /opt/build; mkdir -p /opt/build/include; cd /opt/build
    cp -a /usr/include/slurm include/
    IFS=. read -r year month _ <<<"$PYSLURM"
    number=$(printf "0x%02x%02x00" "$((10#$year))" "$((10#$month))")
    sed -i "s/^#define SLURM_VERSION_NUMBER .*/#define SLURM_VERSION_NUMBER $number/" \
      include/slurm/slurm_version.h
    SLURM_LIB_DIR=$(dirname "$(find /usr/lib -name libslurm.so)")
    export SLURM_LIB_DIR SLURM_INCLUDE_DIR=/opt/build/include PYSLURM_BUILD_JOBS=2
    export CFLAGS="-O1 -g0 -DSLURM_BACKWARD_COMPAT -Dslurm_free_ctl_conf=slurm_free_conf"
    pip download --no-deps --no-binary :all: --no-build-isolation "pyslurm==$PYSLURM"
    tar -xf pyslurm-*.tar.gz --strip-components=1
    rm pyslurm/deprecated.pyx; sed -i "/pyslurm.deprecated/d" pyslurm/__init__.py
    pip install --no-build-isolation --no-deps .
  ' >&2
fi

# --- 3. configuration -----------------------------------------------------------------------------
mkdir -p "$RUN" "$LOGS" "$ROOT/var/lib/slurm/state" "$ROOT/run/munge" "$ROOT/etc/slurm"
host=$(hostname -s)
key() { # FILE BYTES
  [ -s "$1" ] || (umask 077; head -c "$2" /dev/urandom >"$1")
}
key "$ROOT/var/lib/slurm/jwt.key" 32
key "$ROOT/etc/munge/munge.key" 1024
cat >"$ROOT/etc/slurm/slurm.conf" <<CONF
ClusterName=two
SlurmctldHost=$host(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=/var/lib/slurm/jwt.key
SlurmctldPort=27817
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd-%n.pid
SlurmdSpoolDir=/var/lib/slurm/spool-%n
StateSaveLocation=/var/lib/slurm/state
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd-%n.log
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MaxArraySize=2001
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=50
SchedulerParameters=bf_interval=5,sched_interval=5,batch_sched_delay=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=27819
PropagateResourceLimits=NONE
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[27101-27102] CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=4096 Feature=small State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=60 DefaultTime=10 State=UP
CONF
echo CgroupPlugin=disabled >"$ROOT/etc/slurm/cgroup.conf"
cat >"$ROOT/etc/slurm/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=/var/lib/slurm/jwt.key
DbdHost=localhost
DbdPort=27819
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=27816
StorageUser=slurm
StoragePass=x
StorageLoc=slurm_acct_db
LogFile=/var/log/slurm/slurmdbd.log
PidFile=/run/slurm/slurmdbd.pid
CONF
inside sh -c '
  chown slurm: /etc/slurm/slurmdbd.conf; chmod 600 /etc/slurm/slurmdbd.conf
  chown -R slurm: /var/lib/slurm /var/log/slurm; chown slurm: /run/slurm; chmod 1777 /run/slurm
  chown -R munge: /etc/munge /var/lib/munge /var/log/munge /run/munge; chmod 755 /run/munge
  chmod 400 /etc/munge/munge.key'

# --- 4. daemons -----------------------------------------------------------------------------------
ln -sf ../munge/munged.pid "$RUN/munged.pid"
alive munged munged || inside setpriv --reuid=munge --regid=munge --clear-groups \
  munged --force --pid-file=/run/munge/munged.pid
if ! alive mariadb mariadbd; then
  rm -f "$RUN/mysql.sock"
  [ -d "$ROOT/var/lib/tests-mysql/mysql" ] || inside sh -c '
    mkdir -p /var/lib/tests-mysql && chown mysql: /var/lib/tests-mysql && mariadb-install-db \
    --no-defaults --user=mysql --datadir=/var/lib/tests-mysql --skip-test-db >/dev/null 2>&1'
  inside setsid mariadbd --no-defaults --user=mysql --datadir=/var/lib/tests-mysql \
    --socket=/run/slurm/mysql.sock --pid-file=/run/slurm/mariadb.pid --bind-address=127.0.0.1 \
    --port=27816 --skip-grant-tables --skip-networking=0 --innodb-buffer-pool-size=64M \
    --innodb-lock-wait-timeout=900 >"$LOGS/mariadb.log" 2>&1 </dev/null &
fi
wait_for MariaDB inside mariadb-admin -S /run/slurm/mysql.sock ping
inside mariadb -S /run/slurm/mysql.sock -e 'create database if not exists slurm_acct_db'
start() { # NAME PROGRAM ARGUMENTS...
  local name=$1; shift
  alive "$name" "$1" && return 0
  inside "$@" </dev/null >&2 || die "$1 does not start (logs in $LOGS)"
}
start slurmdbd slurmdbd
wait_for slurmdbd inside sacctmgr -n list cluster
inside sacctmgr -i -Q add cluster two >/dev/null 2>&1 || true
inside sacctmgr -i -Q add account lab cluster=two >/dev/null 2>&1 || true
inside sacctmgr -i -Q add user root account=lab >/dev/null 2>&1 || true
start slurmctld slurmctld
for node in n1 n2; do
  mkdir -p "$ROOT/var/lib/slurm/spool-$node"
  start "slurmd-$node" slurmd -N "$node"
done
ready() { [ "$(inside sinfo -h -N -t idle,alloc,mix -o %N | wc -l)" = 2 ]; }
wait_for "nodes to answer" ready
# slurmrestd refuses to run as root or as SlurmUser.
rest() { # NAME COMMAND...
  local name=$1; shift
  alive "$name" slurmrestd && return 0
  inside setsid setpriv --reuid=nobody --regid=nogroup --clear-groups \
    sh -c 'echo $$ >"$0"; exec "$@"' "/run/slurm/$name.pid" "$@" >"$LOGS/$name.log" 2>&1 </dev/null &
}
alive rest slurmrestd || rm -f "$RUN/rest.sock"
rest rest slurmrestd -a rest_auth/local unix:/run/slurm/rest.sock
rest rest-jwt env SLURM_JWT=daemon slurmrestd -a rest_auth/jwt 127.0.0.1:27820
wait_for slurmrestd test -S "$RUN/rest.sock"
inside sinfo >&2
echo "export RENKU_TEST_PYSLURM=$ROOT"
