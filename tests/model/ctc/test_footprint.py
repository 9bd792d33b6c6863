"""What a process is said to take is no less than was measured, and not much more. In GB."""

from pathlib import Path

import pytest

from model.ctc.config import CtcConfig
from model.ctc.files import inspect_ctc
from model.ctc.footprint import ctc_process_bytes
from tests.model.ctc.tiny_ctc import write_model


@pytest.mark.parametrize(
    ("config", "n_threads", "measured"),
    [
        (CtcConfig("lstm"), 2, 1.32),
        (CtcConfig("conformer", width=96), 1, 1.96),
        (CtcConfig("conformer", width=96), 2, 2.37),
        (CtcConfig("conformer", width=96, n_heads=8), 1, 2.49),
        (CtcConfig("conformer", width=96, subsampling=4), 1, 1.28),
    ],
)
def test_estimates_hold_what_was_measured(config: CtcConfig, n_threads: int, measured: float, tmp_path: Path) -> None:
    estimated = ctc_process_bytes(inspect_ctc(write_model(tmp_path, config)), n_threads) / 1e9
    assert measured <= estimated < 1.2 * measured
