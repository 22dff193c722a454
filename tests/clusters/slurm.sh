#!/bin/bash
# A real Slurm of four pretended nodes on this machine (Debian 12, as root, systemd not needed),
# with accounting and the REST daemon.
#
#   slurm.sh up|down|status|wipe            up and status print the folder of its state
#   slurm.sh stop|start slurmctld           one daemon alone, for tests of faults; also slurmdbd,
#   slurm.sh stop|start slurmd NODE         slurmrestd
#   env: ROOT (default /var/lib/snakemake-renku/slurm; the user `slurm` must be able to enter it)
#
# Nodes n1 to n4 of 64 CPUs and 4096 MB; n1 and n2 have the feature `fast`, n3 has `gpu` and
# gres gpu:a100:2. Partitions: all (default), short (n1 and n2, 5 min, 1024 MB per node, preempts
# the others), low (its jobs are requeued when preempted). Users root and renkutest, account lab.
# REST: 127.0.0.1:6820 with tokens (`scontrol token username=root`), and $ROOT/run/slurmrestd.sock.
# `down` cancels the jobs and keeps the accounting; `wipe` deletes state,
# configuration and the user renkutest; packages stay.
set -euo pipefail
. "$(dirname "$0")/common.sh"
ROOT=${ROOT:-/var/lib/snakemake-renku/slurm}
LOG=$ROOT/log RUN=$ROOT/run ETC=/etc/slurm
NODES=(n1 n2 n3 n4)
CONFIGS=(slurm.conf gres.conf cgroup.conf slurmdbd.conf)
MARK='# written by tests/clusters/slurm.sh of snakemake-renku'
unset "${!SLURM_@}" "${!SQUEUE_@}" "${!SACCT_@}" "${!SINFO_@}"

running() { # PIDFILE PROGRAM
  local pid
  [ -s "$1" ] && read -r pid <"$1" && process_has "$pid" "$2"
}
wait_until() { # SECONDS COMMAND...
  local i n=$(($1 * 10))
  shift
  for ((i = 0; i < n; i++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  return 1
}
need() { # SECONDS WHAT COMMAND...
  local seconds=$1 what=$2
  shift 2
  wait_until "$seconds" "$@" || die "$what (logs in $LOG)"
}
ended() { ! running "$@"; }
no_job_runs() { [ -z "$(timeout 5 squeue -h -a -t R,S,CG)" ]; }

stop() { # PIDFILE PROGRAM
  local pid
  if running "$1" "$2"; then
    read -r pid <"$1"
    kill "$pid" 2>/dev/null || true
    wait_until 20 ended "$1" "$2" || { say "killing $2 ($pid)"; kill -9 "$pid" 2>/dev/null || true; }
  fi
  rm -f "$1"
}

stop_daemon() { # slurmctld|slurmdbd|slurmrestd|slurmd [NODE]
  case $1 in
    slurmctld | slurmdbd) stop "$RUN/$1.pid" "$1" ;;
    slurmrestd) stop "$RUN/rest-socket.pid" "$1"; stop "$RUN/rest-token.pid" "$1" ;;
    slurmd) stop "$RUN/slurmd-$2.pid" slurmd ;;
    *) die "no daemon is called $1" ;;
  esac
}

daemon() { # PIDFILE PROGRAM OPTIONS...: one that detaches by itself and writes its pid
  local file=$1
  shift
  running "$file" "$1" && return 0
  rm -f "$file"
  "$@" </dev/null >&2 || die "$1 did not start (logs in $LOG)"
}
rest() { # NAME OPTIONS...: it refuses to run as root or as the user slurm
  local name=$1
  shift
  running "$RUN/$name.pid" slurmrestd && return 0
  setsid setpriv --reuid=nobody --regid=nogroup --clear-groups slurmrestd "$@" \
    >"$LOG/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/$name.pid"
}

start_daemon() { # slurmctld|slurmdbd|slurmrestd|slurmd [NODE]
  case $1 in
    slurmdbd)
      daemon "$RUN/slurmdbd.pid" slurmdbd
      need 30 "slurmdbd does not answer" sacctmgr -n list cluster
      ;;
    slurmctld)
      daemon "$RUN/slurmctld.pid" slurmctld
      need 30 "slurmctld does not answer" scontrol ping
      ;;
    slurmd) daemon "$RUN/slurmd-$2.pid" slurmd -N "$2" ;;
    slurmrestd)
      running "$RUN/rest-socket.pid" slurmrestd || rm -f "$RUN/slurmrestd.sock"
      rest rest-socket -a rest_auth/local "unix:$RUN/slurmrestd.sock"
      SLURM_JWT=daemon rest rest-token -a rest_auth/jwt 127.0.0.1:6820
      need 10 "slurmrestd did not start" test -S "$RUN/slurmrestd.sock"
      ;;
    *) die "no daemon is called $1" ;;
  esac
}

down() {
  local node
  if running "$RUN/slurmctld.pid" slurmctld; then
    timeout 20 squeue -h -a -t R,PD,S,CG,CF,RQ -o %A | sort -u | xargs -r timeout 20 scancel || true
    wait_until 15 no_job_runs || true # steps are to end before their slurmd does
  fi
  stop_daemon slurmrestd
  for node in "${NODES[@]}"; do stop_daemon slurmd "$node"; done
  stop_daemon slurmctld
  stop_daemon slurmdbd
  stop "$RUN/mariadb.pid" mariadbd
  stop "$RUN/munged.pid" munged
  rm -f "$RUN/slurmrestd.sock"
}

configure() { # FOLDER
  local track=proctrack/cgroup task=task/cgroup gather=jobacct_gather/cgroup params='' name file here
  here="NodeHostname=$(hostname -s) NodeAddr=127.0.0.1"
  if [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then # this Slurm knows v1 alone
    track=proctrack/linuxproc task=task/none gather=jobacct_gather/linux
    params=JobAcctGatherParams=OverMemoryKill
  fi
  cat >"$1/slurmdbd.conf" <<CONFIG
AuthType=auth/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$ROOT/jwt.key
DbdHost=localhost
DbdPort=6819
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=3316
StorageUser=slurm
StoragePass=unused
StorageLoc=slurm_acct_db
LogFile=$LOG/slurmdbd.log
PidFile=$RUN/slurmdbd.pid
CONFIG
  cat >"$1/cgroup.conf" <<CONFIG
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
ConstrainCores=no
ConstrainDevices=no
AllowedRAMSpace=100
MinRAMSpace=1
CONFIG
  printf 'NodeName=n3 Name=gpu Type=a100 File=/dev/%s\n' null zero >"$1/gres.conf" # any two devices do
  # PropagateResourceLimits: without CAP_SYS_RESOURCE slurmd cannot raise a limit to the caller's.
  cat >"$1/slurm.conf" <<CONFIG
ClusterName=renku
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$ROOT/jwt.key
SlurmctldPort=6817
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd-%n.pid
SlurmdSpoolDir=$ROOT/spool-%n
StateSaveLocation=$ROOT/state
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd-%n.log
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
SlurmctldTimeout=30
InactiveLimit=0
KillWait=5
BatchStartTimeout=60
MessageTimeout=60
MinJobAge=300
MaxJobCount=50000
MaxArraySize=10001
MpiDefault=none
SwitchType=switch/none
ProctrackType=$track
TaskPlugin=$task
JobAcctGatherType=$gather
JobAcctGatherFrequency=task=5
$params
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=50
SchedulerType=sched/backfill
SchedulerParameters=default_queue_depth=1000,bf_interval=5,sched_interval=5,batch_sched_delay=1,partition_job_depth=0
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
OverTimeLimit=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=6819
AccountingStorageEnforce=associations,qos
AccountingStoreFlags=job_comment,job_script
PropagateResourceLimits=NONE
GresTypes=gpu
NodeName=DEFAULT CPUs=64 Boards=1 SocketsPerBoard=1 CoresPerSocket=64 ThreadsPerCore=1 RealMemory=4096 TmpDisk=20000 State=UNKNOWN
NodeName=n[1-2] $here Port=[17001-17002] Features=fast
NodeName=n3 $here Port=17003 Features=gpu Gres=gpu:a100:2
NodeName=n4 $here Port=17004
PartitionName=all Nodes=n[1-4] Default=YES MaxTime=INFINITE DefaultTime=10 State=UP PriorityTier=10
PartitionName=short Nodes=n[1-2] MaxTime=5 DefaultTime=1 MaxMemPerNode=1024 State=UP PriorityTier=100
PartitionName=low Nodes=n[1-4] MaxTime=INFINITE DefaultTime=10 State=UP PriorityTier=1 PreemptMode=REQUEUE
CONFIG
  for name in "${CONFIGS[@]}"; do
    file=$1/$name
    { echo "$MARK"; cat "$file"; } >"$file.new"
    mv "$file.new" "$file"
  done
}

foreign_configuration() { # the file that somebody else wrote
  local name
  for name in "${CONFIGS[@]}"; do
    if [ -s "$ETC/$name" ] && ! grep -qxF -- "$MARK" "$ETC/$name"; then
      echo "$ETC/$name"
      return 0
    fi
  done
  return 1
}

install_configuration() {
  local new name changed='' theirs
  if theirs=$(foreign_configuration); then
    die "$theirs was not written by this script. Use a machine without a Slurm of its own."
  fi
  new=$(mktemp -d)
  configure "$new"
  for name in "${CONFIGS[@]}"; do cmp -s "$new/$name" "$ETC/$name" || changed=yes; done
  if [ -n "$changed" ]; then
    if running "$RUN/slurmctld.pid" slurmctld; then
      say "the configuration changed: restarting"
      down
    fi
    mkdir -p "$ETC"
    for name in "${CONFIGS[@]}"; do
      rm -f "$ETC/$name"
      case $name in
        slurmdbd.conf) install -m 600 -o slurm -g slurm "$new/$name" "$ETC/" ;;
        *) install -m 644 "$new/$name" "$ETC/" ;;
      esac
    done
  fi
  rm -rf "$new"
}

munge_answers() { munge -n 2>/dev/null | unmunge >/dev/null 2>&1; }
start_munge() { # one that runs already is used
  if munge_answers; then return 0; fi
  mkdir -p /etc/munge /run/munge /var/log/munge /var/lib/munge
  [ -s /etc/munge/munge.key ] || (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
  chown -R munge:munge /etc/munge /var/lib/munge /var/log/munge /run/munge
  chmod 400 /etc/munge/munge.key
  chmod 755 /run/munge
  rm -f /run/munge/munge.socket.2*
  setpriv --reuid=munge --regid=munge --clear-groups \
    munged --pid-file=/run/munge/munged.pid --num-threads=4 </dev/null >&2
  ln -sf /run/munge/munged.pid "$RUN/munged.pid"
  need 10 "munged did not start" munge_answers
}

start_mariadb() { # of our own: a socket and 127.0.0.1:3316
  running "$RUN/mariadb.pid" mariadbd && return 0
  if [ ! -d "$ROOT/mysql/mysql" ]; then
    rm -rf "$ROOT/mysql"
    install -d -o mysql "$ROOT/mysql"
    mariadb-install-db --no-defaults --user=mysql --datadir="$ROOT/mysql" --skip-test-db \
      >"$LOG/mariadb-install.log" 2>&1
  fi
  setsid mariadbd --no-defaults --user=mysql --datadir="$ROOT/mysql" --socket="$RUN/mysql.sock" \
    --pid-file="$RUN/mariadb.pid" --bind-address=127.0.0.1 --port=3316 --skip-grant-tables \
    --skip-networking=0 --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
    --innodb-flush-log-at-trx-commit=2 >"$LOG/mariadb.log" 2>&1 </dev/null &
  need 30 "MariaDB did not start" mysqladmin -S "$RUN/mysql.sock" ping
  mysql -S "$RUN/mysql.sock" -e 'create database if not exists slurm_acct_db'
}

mount_cgroups() { # the controllers that a machine without systemd may lack
  local controller
  [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" != cgroup2fs ] || return 0
  mountpoint -q /sys/fs/cgroup || mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for controller in memory cpuset freezer cpuacct devices; do
    mountpoint -q "/sys/fs/cgroup/$controller" && continue
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
  done
}

add_users() {
  id renkutest >/dev/null 2>&1 || useradd --system --no-create-home --shell /bin/bash renkutest
  [ -n "$(sacctmgr -n -P list assoc user=renkutest cluster=renku format=user)" ] && return 0
  sacctmgr -i -Q add cluster renku >/dev/null 2>&1 || true
  sacctmgr -i -Q add account lab cluster=renku >/dev/null 2>&1 || true
  sacctmgr -i -Q add user root,renkutest account=lab >/dev/null 2>&1 || true
}

nodes_answer() { # none is down, unknown or silent ("*")
  local states
  states=$(sinfo -h -N -o %T -p all) || return 1
  [ "$(wc -l <<<"$states")" = ${#NODES[@]} ] || return 1
  case $states in *down* | *unk* | *'*'*) return 1 ;; esac
}

up() {
  local node
  need_debian_12 "Slurm with slurmdbd and slurmrestd"
  need_packages munge slurmctld slurmd slurm-client slurmdbd slurmrestd slurm-wlm-basic-plugins \
    slurm-wlm-mysql-plugin slurm-wlm-jwt-plugin mariadb-server procps util-linux mount
  install_configuration
  mkdir -p "$LOG" "$RUN" "$ROOT/state"
  chown slurm:slurm "$ROOT" "$LOG" "$RUN" "$ROOT/state"
  chmod 755 "$ROOT" "$LOG"
  chmod 1777 "$RUN" # the REST daemon runs as nobody and makes its socket here
  setpriv --reuid=slurm --regid=slurm --clear-groups test -x "$ROOT" ||
    die "the user slurm cannot enter $ROOT; set ROOT"
  [ -s "$ROOT/jwt.key" ] || (umask 077 && head -c 32 /dev/urandom >"$ROOT/jwt.key")
  chown slurm: "$ROOT/jwt.key"
  start_munge
  start_mariadb
  mount_cgroups
  start_daemon slurmdbd
  add_users
  start_daemon slurmctld
  for node in "${NODES[@]}"; do
    mkdir -p "$ROOT/spool-$node"
    start_daemon slurmd "$node"
  done
  need 60 "not all nodes answer" nodes_answer
  start_daemon slurmrestd
}

wipe() {
  local name
  [ -e "$ROOT" ] || return 0
  [ -e "$ROOT/jwt.key" ] || die "$ROOT was not made by this script"
  down
  for name in "${CONFIGS[@]}"; do
    ! grep -qxF -- "$MARK" "$ETC/$name" 2>/dev/null || rm -f "$ETC/$name"
  done
  ! id renkutest >/dev/null 2>&1 || userdel renkutest
  rm -rf "$ROOT"
}

case ${1:-} in up | down | wipe | stop | start)
  [ "$(id -u)" = 0 ] || die "must run as root"
  if [ -z "${RENKU_SLURM_LOCKED:-}" ]; then # one at a time; the daemons do not inherit the lock
    mkdir -p "$(dirname "$ROOT")"
    RENKU_SLURM_LOCKED=1 exec flock -o "$ROOT.lock" "$BASH" "$0" "$@"
  fi
  ;;
esac
case ${1:-} in
  up) up && echo "$ROOT" ;;
  down) down ;;
  wipe) wipe ;;
  status) running "$RUN/slurmctld.pid" slurmctld && nodes_answer && echo "$ROOT" ;;
  stop | start) "$1_daemon" "${@:2}" ;;
  *) die "usage: slurm.sh up|down|status|wipe, or slurm.sh stop|start slurmctld|slurmdbd|slurmrestd|slurmd [NODE]" ;;
esac
