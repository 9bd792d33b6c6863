"""How much memory a process takes that hears through a CTC model: what was measured, as a formula."""

from model.ctc.config import CtcConfig
from model.ctc.files import CtcFiles
from model.ctc.frame_recognizer import BATCHES
from model.ctc.language_model import language_model_bytes
from model.ctc.options import LanguageModelUse
from model.errors import BeamscribeError
from model.recognizer import MAX_GREEDY_WINDOWS

# Python, TensorFlow, Beam and the windows at hand. Measured are peaks of `transcribe` over 20 minutes of speech on one
# and on two threads: 1.32 GB with an LSTM of 2 x 128, 1.39 GB with one of 4 x 512, on either
PROCESS_BYTES = 1_350_000_000
# of the weights: as they are read, and in the network
WEIGHT_COPIES = 2
# of the scores of attention by distance: as they come, padded, moved, by content, as weights. Measured: 1.96 GB on one
# thread and 2.37 GB on two with a Conformer of 2 x 96, 2.05 GB on one with one of 8 x 256
ATTENTION_COPIES = 4.5


def ctc_process_bytes(files: CtcFiles, n_threads: int, language_model: LanguageModelUse | None = None) -> float:
    """Peak memory of a worker process whose threads each work on the largest batch."""
    asked = language_model_bytes(language_model) if language_model else 0
    return PROCESS_BYTES + WEIGHT_COPIES * 4 * files.n_parameters + n_threads * _attention_bytes(files.config) + asked


def ctc_batch_windows(
    files: CtcFiles, n_threads: int, language_model: LanguageModelUse | None, max_memory_gb: float | None
) -> int:
    """The windows of a pool; BeamscribeError where the limit is too low. Networks work on few of them at once."""
    least_gb = ctc_process_bytes(files, n_threads, language_model) / 1e9
    if max_memory_gb is not None and max_memory_gb < least_gb:
        raise BeamscribeError(
            f"--max_memory {max_memory_gb:g}: this model takes {least_gb:.1f} GB on {n_threads} threads; allow that"
        )
    return MAX_GREEDY_WINDOWS


def _attention_bytes(config: CtcConfig) -> float:
    """Of a batch that a Conformer hears; an LSTM has no attention."""
    if config.architecture != "conformer":
        return 0.0
    frames_a_second = config.log_mel.sample_rate_hz // config.log_mel.hop
    n_outputs = [(n_rows, config.count_outputs(seconds * frames_a_second)) for seconds, n_rows in BATCHES]
    return ATTENTION_COPIES * 4 * config.n_heads * max(n_rows * n * (2 * n - 1) for n_rows, n in n_outputs)
