# shellcheck shell=bash
# Sourced by the batch scripts beside it: one command in, run until it ends or the job is about to be ended; then the job
# is queued again, or ends with the command's exit code.
#
#   0                          the job is done
#   143, the job still runs    its time is nearly over, or it is being preempted: the run is saved, the job is queued again
#   143, the job is ending     scancel, or Slurm queues it again by itself: nothing is done here
#   anything else              the job ends with this code; the same sbatch with RUN_DIR goes on once the cause is mended

step=
signals=0

# SIGTERM to the batch script (#SBATCH --signal=B:TERM@120) is handed on to the command.
hand_on() {
  signals=$((signals + 1))
  if [ -n "$step" ]; then kill -TERM "$step" 2>/dev/null || true; fi
}

until_done() {
  local code=127 found seen=none
  trap hand_on TERM
  "$@" &
  step=$!
  if [ "$signals" -gt 0 ]; then kill -TERM "$step" 2>/dev/null || true; fi
  until [ "$seen" = "$signals" ]; do               # a signal ends `wait` before the command has ended
    seen=$signals found=0
    wait "$step" || found=$?
    # 127, and now and then -1: the command's code was fetched by the `wait` before
    if [ "$found" != 127 ] && [ "$found" -ge 0 ]; then code=$found; fi
  done
  if [ "$code" = 143 ]; then queue_again; fi
  exit "$code"
}

queue_again() {
  case "$(scontrol show job "$SLURM_JOB_ID")" in
    *JobState=RUNNING*) ;;
    *) echo "job $SLURM_JOB_ID is being ended by Slurm: not queued again from here" >&2; return ;;
  esac
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MOST_RESTARTS:-100}" ]; then
    echo "job $SLURM_JOB_ID has been queued again $SLURM_RESTART_COUNT times: no more (MOST_RESTARTS)" >&2
    return
  fi
  scontrol requeue "$SLURM_JOB_ID" || echo "job $SLURM_JOB_ID could not be queued again" >&2
}

# The LOCK of a run names the machine that writes it, and one on another machine is taken to be alive. In a job that was
# queued again, whoever wrote in its own folder was this job, which Slurm has ended before it started it anew.
clear_lock() {
  if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then rm -f -v "$1"/*/LOCK >&2; fi
}
