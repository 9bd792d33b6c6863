"""Real recordings for features."""

import numpy as np
import pytest
import soundfile

# read by librosa's own tests of equality: clean speech, a telephone band, a cough
CLIPS = (("librispeech", 3), ("hard", 3), ("nonspeech", 3))


@pytest.fixture(scope="session")
def recordings(speech, clips) -> list[np.ndarray]:
    """Some clips at 16 kHz, and one longer than a chunk: [n] float32 each."""
    found = []
    for corpus, n in CLIPS:
        for clip in [clip for clip in clips if clip["corpus"] == corpus]:
            samples, rate_hz = soundfile.read(speech / clip["uri"], dtype="float32", always_2d=True)
            if rate_hz == 16_000 and clip["seconds"] < 30 and n:
                found.append(samples[:, 0])
                n -= 1
    assert len(found) > 6
    return [*found, np.concatenate(found)[: 50 * 16_000]]
