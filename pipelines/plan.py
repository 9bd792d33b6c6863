"""`beamscribe plan`: what `transcribe` would do with the same flags. Runs nothing, writes nothing.

A line an asset, its fields separated by tabs: why, bytes, seconds of audio (about; ? if unknown), uri.
"""

import sys
from collections.abc import Sequence

from pipelines.jobs import Job, check, make_plan
from pipelines.options import transcribe_options
from pipelines.transcribe import parser
from transforms.estimates import Estimate, length_text
from transforms.history import measured_speed
from transforms.planning import Plan, config_hash


def command(argv: Sequence[str]) -> int:
    """Prints one line an asset that is to be done, and the counts."""
    job = make_plan(check(transcribe_options(parser("plan"), argv)))
    print_work(job.plan, job.sizes)
    print(totals(job.plan, "transcribe"))
    print(forecast(job))
    return 0


def print_work(plan: Plan, sizes: Estimate) -> None:
    """A line for each asset that is to be done, and for each that is to go."""
    lists = (("new", plan.new), ("changed", plan.changed), ("failed before", plan.retried), ("deferred", plan.deferred))
    for reason, items in lists:
        for item in items:
            seconds = sizes.seconds(item.asset)
            about = "?" if seconds is None else f"{seconds:.0f}"
            print(f"{reason}\t{item.asset.size_bytes or 0}\t{about}\t{item.asset.uri}")
    for uri in plan.removed:
        print(f"removed\t\t\t{uri}")


def totals(plan: Plan, verb: str) -> str:
    """The counts of a plan. verb: what is done to assets."""
    n_bytes = sum(item.asset.size_bytes or 0 for item in plan.work)
    parts = [
        f"{len(plan.work)} to {verb}, {n_bytes / 1e6:.1f} MB: {len(plan.new)} new, {len(plan.changed)} changed, "
        f"{len(plan.retried)} failed before",
        f"{plan.n_unchanged + len(plan.touched)} unchanged",
        f"{plan.n_failed_before} failed for good (--retry_failed tries them again)",
    ]
    parts += [f"{len(plan.deferred)} left to later runs"] if plan.deferred else []
    parts += [f"{len(plan.removed)} to be taken out of the tables"] if plan.removed else []
    return "; ".join(parts)


def forecast(job: Job) -> str:
    """How much audio there is, and how long it will take as measured by earlier runs."""
    audio_s = job.sizes.total_s(job.plan.work)
    if audio_s is None:
        return "length: unknown" if job.plan.work else "nothing to do"
    length = f"about {length_text(audio_s)} of audio"
    speed = measured_speed(job.output, job.model.sha256, config_hash(job.options.that_change_rows()))
    if speed is None:
        return f"{length}; time: unknown, no run with this model has been measured here"
    return f"{length}; about {audio_s / speed / 60:.1f} min at the {speed:.1f} times real time of earlier runs"


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("plan", sys.argv[1:]))
