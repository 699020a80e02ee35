"""The job script, run by bash with small programs in the place of Slurm's and torchrun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kaggle_face.errors import InputError
from kaggle_face.pipeline.launch.slurm import SlurmOptions, slurm_script

WORDS = ("train", "-c", "my 'faces'.yaml", "--fold", "all", "model.backbone_options={depths: [1, 1]}")
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf "node7\\nnode8\\n"; else echo "$@" >> "$FOLDER/queue.txt"; fi
"""
SHOW = '#!/bin/bash\nfor word in "$@"; do printf "%s\\n" "$word"; done > "$FOLDER/srun.txt"\n'


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """The environment of a job on two nodes; `scontrol` and `srun` are small programs."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    write(tmp_path, "scontrol", SCONTROL)
    write(tmp_path, "srun", SHOW + "exit 3\n")
    job = {"SLURM_JOB_ID": "123456", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node[7-8]"}
    return {**os.environ, **job, "FOLDER": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    (folder / name).chmod(0o755)


def test_torchrun_gets_the_training_word_by_word(cluster: dict[str, str]) -> None:
    folder = Path(cluster["FOLDER"])
    write(folder, "job.sh", slurm_script(WORDS, "faces", SlurmOptions(nodes=2, gpus=4, restarts=5)))
    done = subprocess.run([folder / "job.sh"], env=cluster, check=False, timeout=60)
    assert done.returncode == 3 and not (folder / "queue.txt").exists()  # a failure is not put into the queue
    assert (folder / "srun.txt").read_text(encoding="utf-8").splitlines() == [
        *("--kill-on-bad-exit=1", "--cpus-per-task=16", sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes=2", "--nproc-per-node=4", "--max-restarts=5", "--rdzv-id=123456", "--rdzv-backend=c10d"),
        *("--rdzv-endpoint=node7:23456", "-m", "--", "kaggle_face", *WORDS),
    ]


@pytest.mark.parametrize(
    "word",
    ["paths.runs='it''s'\n$(id) \"x\\y\"", "paths.runs=\u2028a\x85b\rc\td\u200b", "paths.runs=a\udcff"],
)
def test_a_word_that_is_not_printable_arrives_as_it_is(word: str, cluster: dict[str, str]) -> None:
    folder = Path(cluster["FOLDER"])
    script = slurm_script([*WORDS, word], "faces", SlurmOptions())
    assert all(line.isprintable() for line in script.split("\n"))  # as the terminal passes it on unchanged
    write(folder, "job.sh", script)
    write(folder, "srun", '#!/bin/bash\nprintf %s "${@: -1}" > "$FOLDER/word.txt"\n')
    subprocess.run([folder / "job.sh"], env=cluster, check=True, timeout=60)
    assert (folder / "word.txt").read_bytes() == os.fsencode(word)


def test_a_password_is_not_written_into_a_script() -> None:
    with pytest.raises(
        InputError, match=r"show the password in paths\.runs=s3://me:\*\*\*@host; leave it out"
    ):
        slurm_script([*WORDS, "paths.runs=s3://me:secret@host"], "faces", SlurmOptions())


@pytest.mark.parametrize("time", ["90", "1440", "90:00", "120:00:00", "2-0", "1-12:30:00"])
def test_times_as_slurm_writes_them(time: str) -> None:
    assert f"#SBATCH --time={time}\n" in slurm_script(WORDS, "faces", SlurmOptions(time=time))


def test_a_job_whose_time_is_over_saves_and_goes_into_the_queue_again(cluster: dict[str, str]) -> None:
    folder = Path(cluster["FOLDER"])
    write(
        folder,
        "srun",
        "#!/bin/bash\ntrap 'sleep 0.3; echo saved >> \"$FOLDER/queue.txt\"; exit 143' TERM\n"
        'touch "$FOLDER/ready"\nwhile true; do sleep 0.05; done\n',
    )
    write(folder, "job.sh", slurm_script(WORDS, "faces", SlurmOptions(nodes=2)))
    with subprocess.Popen([folder / "job.sh"], env=cluster) as job:
        while not (folder / "ready").exists():
            time.sleep(0.02)
        subprocess.run(["kill", "-USR1", str(job.pid)], check=True)
        assert job.wait(timeout=60) == 0
    lines = (folder / "queue.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["saved", "requeue 123456"]


def test_what_a_job_asks_for_is_on_top() -> None:
    options = SlurmOptions(2, 4, 6, "1-12:30:00", "gpu", "vision.lab", 0)
    script = slurm_script(WORDS, "fä ces\n#SBATCH --x", options)
    asked = [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]
    assert asked[:8] == [
        "job-name=f__ces__SBATCH_--x",
        *("nodes=2", "ntasks-per-node=1", "cpus-per-task=24", "gpus-per-node=4", "time=1-12:30:00"),
        *("partition=gpu", "account=vision.lab"),
    ]
    assert "requeue" in asked and "open-mode=append" in asked
    alone = slurm_script(WORDS, "faces", SlurmOptions(gpus=0))
    assert "gpus-per-node" not in alone and "--nproc-per-node=1" in alone and "partition" not in alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 0}, "nodes must be >= 1"),
        ({"gpus": -1}, "gpus must be >= 0"),
        ({"time": "soon"}, "time is minutes, .* got 'soon'"),
        ({"time": "12:00:00\n"}, "time is minutes, "),
        ({"time": "１２"}, "time is minutes, "),
        ({"account": "lab\n"}, "account is made of letters"),
        ({"partition": "gpu\n#SBATCH --wrap=x"}, "partition is made of letters"),
        ({"account": "$(id)"}, "account is made of letters"),
    ],
)
def test_what_would_change_the_script_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SlurmOptions(**options)  # type: ignore[arg-type]
