"""What a processor's flags say, and what a batch may take of memory."""

from pathlib import Path

import pytest

from model import precision, processors
from model.errors import BeamscribeError
from model.whisper import footprint
from model.whisper.dimensions import Dimensions
from model.whisper.footprint import fitting_batch, process_bytes

TINY = Dimensions(80, 51_864, 1500, 384, 6, 4, 448, 384, 6, 4)
BASE = Dimensions(80, 51_865, 1500, 512, 8, 6, 448, 512, 8, 6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 avx512vl\n", "bfloat16"),
        ("flags : fpu amx_bf16 amx_tile\n", "bfloat16"),
        ("flags : fpu avx2 avx512f\nmodel name : avx512_bf16\n", "float32"),
        (None, "float32"),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_it(
    text: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    if text is not None:
        info.write_text(text)
    monkeypatch.setattr(precision, "CPU_INFO", info)
    assert precision.fastest_precision.__wrapped__() == expected


# peak resident memory in MB of one process that recognises full batches twice, with word times
@pytest.mark.parametrize(
    ("dims", "kind", "beam_size", "batch", "n_threads", "measured_mb"),
    [
        (TINY, "bfloat16", 5, 1, 1, 1701),
        (TINY, "bfloat16", 5, 16, 1, 2228),
        (TINY, "bfloat16", 5, 16, 2, 2734),
        (TINY, "bfloat16", 5, 12, 2, 2524),
        (TINY, "bfloat16", 1, 16, 2, 2682),
        (TINY, "bfloat16", 1, 32, 2, 3818),
        (TINY, "float32", 5, 16, 2, 3210),
        (BASE, "bfloat16", 5, 16, 2, 3368),
    ],
)
def test_memory_is_stated_as_it_was_measured_or_a_little_more(
    dims: Dimensions, kind: str, beam_size: int, batch: int, n_threads: int, measured_mb: int
) -> None:
    # these processes had neither Beam nor pools of audio
    stated_mb = process_bytes(dims, kind, beam_size, batch, n_threads) / 1e6
    assert measured_mb < stated_mb < 1.4 * measured_mb


def test_the_largest_batch_that_fits_is_taken() -> None:
    sizes = [fitting_batch(TINY, "bfloat16", 5, 2, gigabytes) for gigabytes in (2.1, 2.4, 2.8, 8.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] >= 1
    assert sizes[-1] == 16
    for gigabytes, size in zip((2.1, 2.4, 2.8), sizes, strict=False):
        assert process_bytes(TINY, "bfloat16", 5, size, 2) <= gigabytes * 1e9
        assert process_bytes(TINY, "bfloat16", 5, size + 1, 2) > gigabytes * 1e9
    with pytest.raises(BeamscribeError, match=r"--max_memory 1: this model takes 2\.0 GB"):
        fitting_batch(TINY, "bfloat16", 5, 2, 1.0)


def test_without_a_limit_a_large_model_takes_no_more_than_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Dimensions(128, 51_866, 1500, 1280, 20, 32, 448, 1280, 20, 32)
    monkeypatch.setattr(footprint, "_machine_bytes", lambda: 64e9)
    assert fitting_batch(TINY, "bfloat16", 1, 8, None) == 32
    assert fitting_batch(TINY, "bfloat16", 5, 8, None) == 16
    assert fitting_batch(large, "bfloat16", 5, 1, None) == 12
    n_windows = fitting_batch(large, "float32", 5, 4, None)
    assert 1 <= n_windows < 12
    assert process_bytes(large, "float32", 5, n_windows, 4) <= footprint.DEFAULT_SHARE * 64e9
    # more than there is: as little as possible is tried
    assert fitting_batch(large, "float32", 5, 64, None) == 1


def test_processors_are_those_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(processors, "CGROUP_QUOTA", quota)
    bound = processors.n_processors()
    quota.write_text("max 100000\n")
    assert processors.n_processors() == bound
    quota.write_text("50000 100000\n")
    assert processors.n_processors() == 1
