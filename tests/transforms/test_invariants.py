"""Rows that break the contract are found."""

import pytest

from tests.transforms.make_rows import segment, word
from transforms.invariants import violations
from transforms.windows import Span


def rows(*times, **values):
    return [segment("a.wav", start_s=start, end_s=end, **({"text": "x"} | values)) for start, end in times]


def words(*times):
    return [word("a.wav", start_s=start, end_s=end) for start, end in times]


def speech(*times):
    return [Span(round(start * 16_000), round(end * 16_000)) for start, end in times]


GOOD = rows((0.0, 4.0), (5.0, 9.0))


@pytest.mark.parametrize(
    ("segments", "of_words", "heard", "expected"),
    [
        (GOOD, words((0.1, 0.2), (None, None), (0.2, 9.0)), speech((0.0, 4.5), (4.9, 9.0)), []),
        (rows((0.0, 4.0), (3.9, 9.0)), [], [], ["segment 3.90-9.00 s comes after 4.00 s of 9.00 s"]),
        (rows((0.0, 9.5)), [], [], ["segment 0.00-9.50 s comes after 0.00 s of 9.00 s"]),
        (rows((4.0, 3.0)), [], [], ["segment 4.00-3.00 s comes after 0.00 s of 9.00 s"]),
        (GOOD, words((1.0, 2.0), (1.5, 3.0)), [], ["word 1.50-3.00 s comes after 2.00 s of 9.00 s"]),
        (rows((0.0, 4.0)), [], speech((3.0, 6.0)), ["2.00 s of speech between 4.00 s and inf s have no segment"]),
        (
            rows((0.0, 9.0), text=""),
            [],
            speech((0.0, 9.0)),
            ["9.00 s of speech between 0.00 s and inf s have no segment"],
        ),
        (rows((0.0, 9.0), text="", flags=["no_text"]), [], speech((0.0, 9.0)), []),
    ],
)
def test_violations(segments, of_words, heard, expected):
    assert violations(segments, of_words, heard, 9.0) == expected
