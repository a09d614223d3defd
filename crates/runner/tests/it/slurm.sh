#!/bin/sh
# A Slurm of one node with four processors on the loopback, with folders and ports of its own.
#
#   slurm.sh start DIR     starts it in DIR and returns when its node is idle; DIR/slurm.conf is what SLURM_CONF is for
#   slurm.sh node DIR      starts the node's slurmd again
#   slurm.sh fail DIR      the node dies: its slurmd and everything that runs under it, at once
#   slurm.sh stop DIR      stops all of it
set -eu
what=$1
dir=$2
export SLURM_CONF="$dir/slurm.conf"
PATH=$PATH:/usr/sbin:/sbin

start_node() {
  slurmd -N node1 -f "$SLURM_CONF"
}

# The processes that a process started, and theirs.
below() {
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
    echo "$child"
    below "$child"
  done
}

# Daemons of this folder only: the number in a file may by now be anybody's.
ours() {
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$dir" && echo "$pid"
}

# What holds a job on the node: slurmd's steps keep their sockets in its spool folder.
steps() {
  for socket in "$dir"/spool/node1_*; do
    job=${socket##*/node1_}
    job=${job%%.*}
    for proc in /proc/[0-9]*; do
      if tr '\0' ' ' 2>/dev/null <"$proc/cmdline" | grep -q "^slurmstepd: \[$job\." &&
        grep -qz "^SLURM_CONF=$dir/" "$proc/environ" 2>/dev/null; then
        echo "${proc#/proc/}"
      fi
    done
  done
}

case $what in
start)
  mkdir -p "$dir/state" "$dir/spool" "$dir/munge"
  chmod 700 "$dir/munge"
  head -c 1024 /dev/urandom >"$dir/munge/munge.key"
  chmod 600 "$dir/munge/munge.key"
  munged --force --socket "$dir/munge/socket" --key-file "$dir/munge/munge.key" \
    --pid-file "$dir/munged.pid" --log-file "$dir/munge/log" --seed-file "$dir/munge/seed"
  # Two ports that were free a moment ago.
  port() {
    while :; do
      port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
      grep -qi ":$(printf %04X "$port") " /proc/net/tcp || break
    done
    echo "$port"
  }
  cat >"$SLURM_CONF" <<CONF
ClusterName=aconite
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$(port)
SlurmdPort=$(port)
AuthType=auth/munge
# A requeued job waits until the credential of its last start has expired.
AuthInfo=socket=$dir/munge/socket,cred_expire=6
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,sched_max_job_start=0,batch_sched_delay=0,bf_continue
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
# Tasks wait for Slurm longer than they compute, so there may be more than the machine has processors for.
SlurmdParameters=config_overrides
SlurmdTimeout=30
MessageTimeout=2
BatchStartTimeout=1
KillWait=2
MinJobAge=300
NodeName=node1 NodeHostname=$(hostname) NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000
PartitionName=main Nodes=node1 Default=YES MaxTime=INFINITE State=UP
CONF
  slurmctld -f "$SLURM_CONF"
  start_node
  tries=0
  until sinfo -h -o %T 2>/dev/null | grep -q idle; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
      tail -n 5 "$dir/slurmctld.log" "$dir/slurmd.log" >&2
      exit 1
    fi
    sleep 0.1
  done
  ;;
node)
  start_node
  ;;
fail)
  # Whoever started another first, so that none lives to see the other's end.
  victims=$(ours slurmd || true)
  for step in $(steps); do
    victims="$victims $step $(below "$step")"
  done
  kill -9 $victims
  ;;
stop)
  scancel --user="$(id -un)" 2>/dev/null || true
  for step in $(steps); do
    kill -9 $(below "$step") "$step" 2>/dev/null || true
  done
  for daemon in slurmd slurmctld munged; do
    pid=$(ours "$daemon") && kill "$pid" || true
  done
  ;;
*)
  echo "start, node, fail or stop, not $what" >&2
  exit 2
  ;;
esac
