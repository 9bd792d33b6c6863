"""Beamscribe every night, as an Airflow DAG (Airflow 3): copy this file into the folder of your DAGs.

`beamscribe` has to be on the PATH of the worker, or named by BEAMSCRIBE; it may live in an environment of its own.
What to transcribe and where to are parameters of the DAG. Credentials of object stores belong into the worker's
environment (see docs/operations.md), not into flags.
"""

import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

# another try changes nothing: the command line is wrong; more assets failed than are allowed
FINAL = {2: "the command line is wrong", 3: "finished, but too many assets failed: see the table `failures`"}


def beamscribe(command: str) -> None:
    """Runs a command of Beamscribe with the parameters of the DAG, and tells by its exit status what comes next."""
    params = get_current_context()["params"]
    flags = ["--input", *params["inputs"], "--output", params["output"], *params["flags"]]
    status = subprocess.run([os.environ.get("BEAMSCRIBE", "beamscribe"), command, *flags], check=False).returncode
    if status in FINAL:
        raise AirflowFailException(f"beamscribe {command} ended with {status}: {FINAL[status]}")
    if status:
        # killed, stopped, or a store that was away: the next try goes on where this one was
        raise RuntimeError(f"beamscribe {command} ended with {status}; it is tried again")


@dag(
    schedule="15 1 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # a second run would be refused: one at a time writes an output
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": 2},
    params={"inputs": ["s3://calls/**"], "output": "s3://lake/speech", "flags": ["--max_hours", "300"]},
)
def beamscribe_nightly():
    @task
    def plan():
        """Writes to the log what there is to do."""
        beamscribe("plan")

    @task(execution_timeout=timedelta(hours=20))
    def transcribe():
        """Goes on where the last try was; a time-out stops it, and what was whole is committed."""
        beamscribe("transcribe")

    plan() >> transcribe()


beamscribe_nightly()
