"""What `beamscribe evaluate` prints: groups, worst utterances, calibration, hallucinations."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# lines of one alignment; all of it is in the table
MAX_ALIGNMENT_LINES = 40


def score_page(groups: Sequence[Row], utterances: Iterable[Row], n_worst: int) -> str:
    """The page from the rows of one evaluation. Groups come in reading order, utterances in any."""
    wrong: list[Row] = []
    invented: list[Row] = []
    n_invented = 0
    for row in utterances:
        if row["hallucinated_words"]:
            n_invented += 1
            invented = heapq.nlargest(n_worst, [*invented, row], key=lambda r: (r["hallucinated_words"], r["uri"]))
        elif row["wer"]:
            wrong = heapq.nlargest(n_worst, [*wrong, row], key=lambda r: (r["wer"], r["words"], r["uri"]))
    sections = [_headline(groups[0]), _group_table(groups), _calibration(groups)]
    if invented:
        heading = f"Words written where nothing is said: {n_invented} utterances"
        sections.append("\n".join([heading, "", *(_invented(row) for row in invented)]))
    if wrong:
        sections.append("\n\n".join([f"The {len(wrong)} worst utterances:", *(_worst(row) for row in wrong)]))
    return "\n\n".join(sections) + "\n"


def _headline(everything: Row) -> str:
    return (
        f"{everything['utterances']} references, {everything['words']} words, {everything['missing']} without a "
        f"transcript; {everything['unscored_transcripts']} transcripts without a reference"
    )


def _group_table(groups: Iterable[Row]) -> str:
    header = "by, group, refs, missing, words, WER %, 95 %, subst., del., ins., CER %, invented, coverage %, confidence"
    rows = [
        [
            g["group_by"],
            _group_name(g),
            str(g["utterances"]),
            str(g["missing"]),
            str(g["words"]),
            _percent(g["wer"]),
            "" if g["wer_low"] is None else f"{_percent(g['wer_low'])}-{_percent(g['wer_high'])}",
            str(g["substitutions"]),
            str(g["deletions"]),
            str(g["insertions"]),
            _percent(g["cer"]),
            str(g["hallucinated_words"]),
            _percent(g["coverage"]),
            _decimal(g["mean_confidence"]),
        ]
        for g in groups
    ]
    return markdown_table(header.split(", "), rows, n_left=2)


def _calibration(groups: Sequence[Row]) -> str:
    rows = [
        [
            _group_name(g),
            str(g["words"]),
            _decimal(g["mean_confidence"]),
            _decimal(g["right_fraction"]),
            f"{g['mean_confidence'] - g['right_fraction']:+.3f}",
        ]
        for g in groups
        if g["group_by"] == "confidence" and g["mean_confidence"] is not None
    ]
    error = groups[0]["expected_calibration_error"]
    if error is None:
        return "Calibration: no utterance has a confidence"
    table = markdown_table(["confidence", "words", "mean", "right", "too sure by"], rows, n_left=1)
    return f"Calibration (expected calibration error {error:.3f}):\n\n{table}"


def _invented(row: Row) -> str:
    return f"- {_name(row)}: {row['hypothesis']}"


def _worst(row: Row) -> str:
    lines = row["alignment"].splitlines()
    if len(lines) > MAX_ALIGNMENT_LINES:
        lines = [*lines[:MAX_ALIGNMENT_LINES], "… (all of it in utterance_scores)"]
    missing = ", no transcript" if row["missing"] else ""
    errors = f"S {row['substitutions']} D {row['deletions']} I {row['insertions']} of {row['words']} words"
    return "\n".join([f"{_name(row)}: WER {_percent(row['wer'])} % ({errors}){missing}", *lines])


def _name(row: Row) -> str:
    return row["uri"] if row["channel"] is None else f"{row['uri']} [channel {row['channel']}]"


def _group_name(group: Row) -> str:
    # no channel is every channel; any other null is not known
    return group["group"] or ("all" if group["group_by"] == "channel" else "unknown")


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], n_left: int) -> str:
    """A Markdown table that also reads as plain text. The first `n_left` columns are aligned to the left."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column), default=0) for column in zip(header, *cells, strict=True)]
    rule = ["-" * width if i < n_left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    padded = [
        [
            cell.ljust(width) if i < n_left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in ([*header], rule, *cells)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)
