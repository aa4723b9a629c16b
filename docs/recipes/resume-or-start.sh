#!/bin/bash
# A config and a folder of its own in, one run out: begun if the folder holds none, else carried on. The same words
# again and again come to the same end, whatever broke them off.
#
#   resume-or-start.sh CONFIG RUN_DIR [command that starts the processes, such as srun or torchrun with its options]
#
# RUN_DIR belongs to this run alone; the run folder, such as 0001-qwen2.5-7b-law, is made in it. The exit code is that
# of loralab: 0 done, 143 saved after SIGTERM, 1 to 5 what `loralab --help` says.
set -euo pipefail

config=$1 run_dir=$2
shift 2

run=
for folder in "$run_dir"/[0-9]*-*/; do             # the newest is the last
  # one that was killed before its record began has no manifest.json, and nothing to carry on
  if [ -f "$folder/manifest.json" ]; then run=${folder%/}; fi
done

if [ -n "$run" ]; then
  exec "$@" loralab resume "$run"
fi
exec "$@" loralab train "$config" "run.dir=$run_dir"
