"""What a run says of itself while it runs."""

import pytest

from pipelines.progress import describe, share_done
from transforms import progress
from transforms.progress import Progress


def test_line_of_a_run_half_done():
    now = Progress(bytes_done=500, assets_done=3, audio_s=7200.0, windows_found=240, windows_done=120)
    line = describe(now, n_assets=6, n_bytes=1000, elapsed_s=100.0)
    assert line == "3 of 6 assets read, 60 min of about 4.00 h, 36.0 times real time, about 5 min to go"


def test_line_before_anything_is_known():
    assert describe(Progress(), 6, 1000, 1.0) == "0 of 6 assets read"
    assert share_done(Progress(), 0) == 0.0


def test_line_within_the_first_long_file():
    now = Progress(windows_found=240, windows_done=120, recognized_s=3600.0)
    assert describe(now, 1, 1000, 400.0) == "0 of 1 assets read, 60 min of speech, 9.0 times real time"


def test_what_was_read_and_not_recognised_is_not_done():
    assert share_done(Progress(bytes_done=10, windows_found=4, windows_done=1), 10) == pytest.approx(0.25)
    assert share_done(Progress(bytes_done=10), 10) == 1.0


def test_counters():
    progress.reset()
    progress.window_found()
    progress.windows_done(16_000, 1)
    progress.asset_done(7, 2.5)
    assert progress.snapshot() == Progress(7, 1, 2.5, 1, 1, 1.0)
