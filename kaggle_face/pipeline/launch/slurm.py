"""A job script for Slurm that trains on one node or several, and goes on by itself after a stop.

On each node torchrun starts a process for each GPU; the nodes find each other by the job's number. Where a
process fails, torchrun starts all of them again (`--max-restarts`). Where a node is lost, or the time of the
job is over, Slurm puts the job into the queue again; before the time is over the processes save. Each time
the training goes on from its last state.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_choice import run_to_train
from kaggle_face.errors import InputError, hide_passwords
from kaggle_face.hints import shell_line

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig

_TIME = re.compile(r"(\d+-)?\d+(:\d{2}){0,2}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:-]*")
_MOST = 4096
_SECONDS_TO_SAVE = 180
_SCRIPT = r"""#!/bin/bash
{requested}
#SBATCH --requeue

export OMP_NUM_THREADS={cores}
head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))

# Before the time is over the processes save, and the job goes into the queue again.
is_over=
trap 'is_over=yes; kill -TERM "$step"' USR1

srun --kill-on-bad-exit=1 --cpus-per-task={cores_of_node} {launcher} \
  --nnodes="$SLURM_NNODES" --nproc-per-node={processes} --max-restarts={restarts} \
  --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$head_node:$port" \
  -m -- kaggle_face {words} &
step=$!
wait "$step"
code=$?
if [ -n "$is_over" ]; then
  wait "$step"  # the trap has ended the first wait
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$code"
"""


@dataclass(frozen=True)
class SlurmOptions:
    """The resources of a job.

    Attributes:
        nodes: Machines.
        gpus: GPUs, and processes, of each machine; 0: one process without a GPU.
        cores: CPU cores of each process.
        time: The longest time of the job, as Slurm writes it: `minutes`, `hours:minutes:seconds` or
            `days-hours`; None: that of the partition.
        partition: Of the cluster; None: its default.
        account: What the time is charged to; None: the default.
        restarts: How often torchrun starts failed processes again.
    """

    nodes: int = 1
    gpus: int = 1
    cores: int = 4
    time: str | None = None
    partition: str | None = None
    account: str | None = None
    restarts: int = 3

    def __post_init__(self) -> None:
        for name, value, least in (
            ("nodes", self.nodes, 1),
            ("gpus", self.gpus, 0),
            ("cores", self.cores, 1),
            ("restarts", self.restarts, 0),
        ):
            if not least <= value <= _MOST:
                raise InputError(f"{name} must be >= {least} and <= {_MOST}, got {value}")
        if self.time is not None and not _TIME.fullmatch(self.time):
            raise InputError(f"time is minutes, hours:minutes:seconds or days-hours, got '{self.time}'")
        for name in ("partition", "account"):
            value = getattr(self, name)
            if value is not None and not _NAME.fullmatch(value):
                raise InputError(f"{name} is made of letters, digits and _ . , : -, got '{value}'")


def training_script(
    loaded: LoadedConfig,
    run: str | None,
    folds: Sequence[int] | None,
    options: SlurmOptions,
    ignore_rules: bool = False,
) -> str:
    """A job script that trains folds, with None all that are not finished; nothing is begun.

    Raises:
        RunError: No run can be called so.
    """
    from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
    from kaggle_face.pipeline.launch.devices import training_words

    folder = run_to_train(loaded, run)
    words = training_words(loaded, folder, folds, TrainOptions(ignore_rules=ignore_rules))
    return slurm_script(words, f"{loaded.name}-{folder.path.name}", options)


def slurm_script(words: Sequence[str], name: str, options: SlurmOptions) -> str:
    """The text of a job script, for `sbatch`.

    Args:
        words: Those of `kaggle-face`, from `train` on.
        name: Of the job; what is not a plain letter in it becomes `_`.
        options: What the job requests.

    Raises:
        InputError: A word holds a password, which the script would show.

    >>> script = slurm_script(["train", "-c", "my faces.yaml"], "faces", SlurmOptions(nodes=2, gpus=4))
    >>> [line for line in script.splitlines() if "nodes" in line and "SBATCH" in line]
    ['#SBATCH --nodes=2']
    >>> "kaggle_face train -c 'my faces.yaml'" in script
    True
    """
    for word in words:
        shown = hide_passwords(word, is_word=True)
        if shown != word:
            raise InputError(f"a job script would show the password in {shown}; leave it out")
    processes = max(1, options.gpus)
    cores_of_node = options.cores * processes  # srun has to be given it again since Slurm 22.05
    requested = {
        "job-name": re.sub(r"[^A-Za-z0-9_.-]", "_", name),
        "nodes": str(options.nodes),
        "ntasks-per-node": "1",
        "cpus-per-task": str(cores_of_node),
        **({"gpus-per-node": str(options.gpus)} if options.gpus else {}),
        **({"time": options.time} if options.time else {}),
        **({"partition": options.partition} if options.partition else {}),
        **({"account": options.account} if options.account else {}),
        "output": "%x-%j.log",
        "open-mode": "append",
        "signal": f"B:USR1@{_SECONDS_TO_SAVE}",
    }
    return _SCRIPT.format(
        requested="\n".join(f"#SBATCH --{key}={value}" for key, value in requested.items()),
        cores=options.cores,
        cores_of_node=cores_of_node,
        launcher=shell_line([sys.executable, "-m", "torch.distributed.run"]),
        processes=processes,
        restarts=options.restarts,
        words=shell_line(words),
    )
