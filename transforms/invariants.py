"""What every transcript has to keep to, checked on the rows themselves, in every run."""

from collections.abc import Iterable, Sequence

from transforms.guards import MIN_UNCOVERED_S
from transforms.rows import SegmentRow, WordRow
from transforms.windows import Span

# times are sums of samples at 16 kHz
ROUNDING_S = 1e-6


def violations(
    segments: Sequence[SegmentRow], words: Sequence[WordRow], speech: Iterable[Span], duration_s: float
) -> list[str]:
    """What is wrong with the rows of one channel; nothing, if the contract holds.

    Times run forward, stay inside the asset and do not overlap; of the speech that the detector heard, no
    MIN_UNCOVERED_S between two segments is without a segment that has text or says why not.
    """
    found = _disorder("segment", [(s.start_s, s.end_s) for s in segments], duration_s)
    timed = [(w.start_s, w.end_s) for w in words if w.start_s is not None and w.end_s is not None]
    found += _disorder("word", timed, duration_s)
    accounted = [(s.start_s, s.end_s) for s in segments if s.text or s.flags]
    heard = [(span.asset_start_s, span.asset_end_s) for span in speech]
    edges = [0.0, *(edge for stretch in accounted for edge in stretch), float("inf")]
    for start_s, end_s in zip(edges[::2], edges[1::2], strict=True):
        silent_s = sum(max(0.0, min(b, end_s) - max(a, start_s)) for a, b in heard)
        if silent_s >= MIN_UNCOVERED_S + ROUNDING_S:
            found.append(f"{silent_s:.2f} s of speech between {start_s:.2f} s and {end_s:.2f} s have no segment")
    return found


def _disorder(what: str, times: Sequence[tuple[float, float]], duration_s: float) -> list[str]:
    found = []
    latest_s = 0.0
    for start_s, end_s in times:
        if not latest_s - ROUNDING_S <= start_s <= end_s <= duration_s + ROUNDING_S:
            found.append(f"{what} {start_s:.2f}-{end_s:.2f} s comes after {latest_s:.2f} s of {duration_s:.2f} s")
        latest_s = end_s
    return found
