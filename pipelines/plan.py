"""`beamscribe plan`: what `transcribe` would do with the same flags. Runs nothing, writes nothing."""

import sys
from collections.abc import Sequence

from pipelines.options import transcribe_options
from pipelines.transcribe import parser, prepare


def command(argv: Sequence[str]) -> int:
    """Prints one line an asset that is to be done, and the counts."""
    plan = prepare(transcribe_options(parser("plan"), argv), claim=False).plan
    for reason, items in (("new", plan.new), ("changed", plan.changed), ("failed before", plan.retried)):
        for item in items:
            print(f"{reason}\t{item.asset.size_bytes or 0}\t{item.asset.uri}")
    n_bytes = sum(item.asset.size_bytes or 0 for item in plan.work)
    print(
        f"{len(plan.work)} to transcribe, {n_bytes / 1e6:.1f} MB: {len(plan.new)} new, {len(plan.changed)} changed, "
        f"{len(plan.retried)} failed before; {plan.n_unchanged} unchanged, "
        f"{plan.n_failed_before} failed for good (--retry_failed tries them again)"
    )
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("plan", sys.argv[1:]))
