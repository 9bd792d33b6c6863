"""The examples of docs/examples, run by the programs they are for."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.conftest import REPOSITORY, missing
from tests.stores.servers import INSTALLED

AIRFLOW = INSTALLED / "airflow" / "bin"
RUN = """
import sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
dag = bag.dags["beamscribe_nightly"]
follows = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
assert follows == {"plan": {"transcribe"}, "transcribe": set()}
assert dag.max_active_runs == 1
inputs, output, *flags = sys.argv[2:]
run = dag.test(run_conf={"inputs": inputs.split(","), "output": output, "flags": flags})
for task in run.get_task_instances():
    print("ENDED", task.task_id, task.state, task.try_number)
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """run(inputs, output, *flags): the DAG once, through Airflow; the state of each of its tasks."""
    if not (AIRFLOW / "airflow").exists():
        missing(f"Airflow in {AIRFLOW.parent} (make servers)")
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "docs" / "examples"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "BEAMSCRIBE": str(Path(sys.executable).with_name("beamscribe")),
        "PYTHONPATH": "",
    }

    def command(*args):
        done = subprocess.run(args, env=environment, cwd=home, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    command(AIRFLOW / "airflow", "db", "migrate")

    def run(inputs, output, *flags):
        dags = str(REPOSITORY / "docs" / "examples")
        printed = command(AIRFLOW / "python", "-c", RUN, dags, ",".join(map(str, inputs)), str(output), *flags)
        ended = [line.split()[1:] for line in printed.splitlines() if line.startswith("ENDED ")]
        return {task: (state, int(tries)) for task, state, tries in ended}

    return run


def test_airflow_runs_the_example(airflow, tmp_path):
    inputs = [REPOSITORY / "samples" / name for name in ("voicemail.wav", "weather.mp3")]
    states = airflow(inputs, tmp_path / "out", "--beam_size", "1", "--word_timestamps=false")
    assert {task: state for task, (state, _) in states.items()} == {"plan": "success", "transcribe": "success"}
    assert ds.dataset(str(tmp_path / "out" / "transcripts")).count_rows() == 2


def test_airflow_does_not_try_a_wrong_command_line_again(airflow, tmp_path):
    states = airflow([REPOSITORY / "samples"], tmp_path / "out", "--model", "no such model")
    assert states["plan"] == ("failed", 1)
    assert states["transcribe"][0] == "upstream_failed"
    assert not (tmp_path / "out").exists()
