"""Speech as it might have been recorded elsewhere: changes to training clips that leave what is said as it is.

Each is a function of samples [n] float32 at 16 kHz, or of a log-mel, and of a NumPy generator, so that equal seeds give
equal clips. Speed: Ko et al. 2015, "Audio augmentation for speech recognition". Masks: Park et al. 2019, "SpecAugment".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from scipy.signal import butter, sosfiltfilt

from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ

CHANGES = ("speed", "telephone", "noise", "gain", "mask")
SPEEDS = (0.85, 1.15)
SNRS_DB = (-3.0, 15.0)
GAINS_DB = (-12.0, 3.0)
# the band of a telephone (ITU-T G.712), and its rate
TELEPHONE_HZ, TELEPHONE_RATE_HZ = (300.0, 3400.0), 8_000
# power of a noise over frequency falls by f ** -tilt: 0 is white, 1 pink, 2 brown
TILTS = (0.0, 2.0)
# speakers who talk at once are a babble
BABBLERS = (3, 7)
# masks of a log-mel: how many, and how wide at most, in bands and as a share of its frames
N_BAND_MASKS, MOST_BANDS = 2, 12
N_TIME_MASKS, MOST_TIME = 2, 0.04


@dataclass(frozen=True)
class Augmentation:
    """What is done to clips on their way into training."""

    # of CHANGES
    changes: tuple[str, ...] = CHANGES
    # the part of the clips to which each of speed, telephone and noise is done
    probability: float = 0.5
    # recordings of noise [n] that are mixed in, beside babble and coloured noise
    noises: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        unknown = [change for change in self.changes if change not in CHANGES]
        if unknown:
            raise BeamscribeError(f"--augment {','.join(self.changes)}: needs some of {', '.join(CHANGES)}, or none")


def augment(
    samples: np.ndarray, others: Sequence[np.ndarray], how: Augmentation, generator: np.random.Generator
) -> np.ndarray:
    """A clip changed at random; shorter or longer where its speed is. others: clips that babble is made of."""
    if _happens("speed", how, generator):
        samples = change_speed(samples, generator.uniform(*SPEEDS))
    if _happens("noise", how, generator):
        noise = _any_noise(len(samples), others, how.noises, generator)
        samples = add_noise(samples, noise, generator.uniform(*SNRS_DB))
    # after the noise: a telephone hears both
    if _happens("telephone", how, generator):
        samples = telephone(samples)
    if "gain" in how.changes:
        samples = samples * np.float32(10 ** (generator.uniform(*GAINS_DB) / 20))
    return np.clip(samples, -1, 1)


def _happens(change: str, how: Augmentation, generator: np.random.Generator) -> bool:
    return change in how.changes and generator.random() < how.probability


def change_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """[n] -> [n / speed]: faster and higher, or slower and lower."""
    return soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="MQ").astype(np.float32)


def telephone(samples: np.ndarray) -> np.ndarray:
    """Through a telephone's band, at its rate and back."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)
    band = butter(3, TELEPHONE_HZ, "bandpass", fs=TELEPHONE_RATE_HZ, output="sos")
    # padded by hand: the filter would refuse what is shorter than its own padding
    padded = sosfiltfilt(band, np.pad(narrow, 64), padlen=0)[64 : 64 + len(narrow)]
    wide = soxr.resample(padded, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)[: len(samples)]
    return np.pad(wide, (0, len(samples) - len(wide))).astype(np.float32)


def add_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """The noise [n] scaled to its level below the clip's and added; silence stays silent."""
    power, noise_power = np.mean(np.square(samples)), np.mean(np.square(noise))
    if noise_power == 0:
        return samples
    return samples + noise * np.float32(np.sqrt(power / noise_power / 10 ** (snr_db / 10)))


def coloured_noise(n_samples: int, tilt: float, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise [n_samples] whose power falls by f ** -tilt above 50 Hz."""
    spectrum = np.fft.rfft(generator.normal(0, 1, n_samples))
    frequencies = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ), 50.0)
    return np.fft.irfft(spectrum * frequencies ** (-tilt / 2), n_samples).astype(np.float32)


def babble(n_samples: int, clips: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Some of the clips at once [n_samples], each as loud as the others, begun anywhere and repeated."""
    total = np.zeros(n_samples, np.float32)
    for pick in generator.integers(len(clips), size=generator.integers(*BABBLERS)).tolist():
        clip = clips[pick] / (np.sqrt(np.mean(np.square(clips[pick]))) + 1e-9)
        total += _stretch(n_samples, clip, generator)
    return total


def _stretch(n_samples: int, clip: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return clip[(generator.integers(len(clip)) + np.arange(n_samples)) % len(clip)]


def _any_noise(
    n_samples: int, others: Sequence[np.ndarray], noises: Sequence[np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: coloured_noise(n_samples, generator.uniform(*TILTS), generator),
        lambda: babble(n_samples, others, generator),
    ]
    if noises:
        # what was really recorded is as likely as all that is made up
        kinds += [lambda: _stretch(n_samples, noises[int(generator.integers(len(noises)))], generator)] * 2
    return kinds[generator.integers(len(kinds))]()


def mask(mel: np.ndarray, n_heard: int, generator: np.random.Generator) -> np.ndarray:
    """Bands and stretches of a log-mel [n_mels, n_frames] blanked, within its first n_heard frames."""
    masked, blank = mel.copy(), mel.mean()
    for _ in range(N_BAND_MASKS):
        width = generator.integers(min(MOST_BANDS, len(mel)) + 1)
        start = generator.integers(len(mel) - width + 1)
        masked[start : start + width] = blank
    for _ in range(N_TIME_MASKS):
        width = generator.integers(int(MOST_TIME * n_heard) + 1)
        start = generator.integers(n_heard - width + 1)
        masked[:, start : start + width] = blank
    return masked
