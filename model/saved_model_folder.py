"""A folder with a TensorFlow SavedModel of a CTC network that was made elsewhere: what it must hold, checked.

saved_model.pb, variables/   the network; its signature `serving_default` takes
                                 waveform [n, n_samples] float32 at 16 kHz, -1 to 1,
                              or log_mel [n, n_mels, n_frames] float32, as `model.whisper.audio.log_mel` makes it,
                              and lengths [n] int32, in samples or frames, that count; it gives
                                 logits [n, n_output_frames, n_labels] float32 (log-probabilities are logits too)
                                 lengths [n] integers, the output frames that count
vocab.json                   the labels (`model.ctc.vocabulary.CtcVocabulary`)
recognizer.json              if you like: {"language": "de", "frame_s": 0.02}; English without the one, and without the
                              other output frames are what the sound is divided into evenly
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

GRAPH_FILE, VOCABULARY_FILE, SETTINGS_FILE = "saved_model.pb", "vocab.json", "recognizer.json"
SIGNATURE = "serving_default"
SOUNDS = ("waveform", "log_mel")
MAX_FRAME_S = 1.0
MEND = 'export it again with inputs "waveform" or "log_mel", and "lengths", and outputs "logits" and "lengths"'


@dataclass(frozen=True)
class SavedModelFolder:
    """What a folder was found to hold."""

    folder: Path
    # graph and variables
    weight_files: tuple[Path, ...]
    vocabulary: CtcVocabulary
    language: str
    # of SOUNDS
    sound: str
    # of log_mel; None of a waveform
    n_mels: int | None
    # seconds from one output frame to the next; None: the sound is divided into them evenly
    frame_s: float | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that decide what it hears."""
        settings = self.folder / SETTINGS_FILE
        return (*self.weight_files, self.folder / VOCABULARY_FILE, *([settings] if settings.exists() else []))


def is_saved_model(folder: Path) -> bool:
    return (folder / GRAPH_FILE).exists()


def read_folder(folder: Path) -> SavedModelFolder:
    """Checks all but the numbers; imports TensorFlow. BeamscribeError names what is missing and the mend."""
    vocabulary = CtcVocabulary.read(folder / VOCABULARY_FILE)
    signature = _signature(folder)
    missing = [name for name in ("logits", "lengths") if name not in signature.outputs]
    sounds = [name for name in SOUNDS if name in signature.inputs]
    if missing or sorted(signature.inputs) != sorted([*sounds[:1], "lengths"]):
        raise BeamscribeError(
            f"{folder / GRAPH_FILE}: {SIGNATURE} takes {_names(signature.inputs)} and gives "
            f"{_names(signature.outputs)}: {MEND}"
        )
    n_labels = _sizes(signature, "outputs", "logits")[-1:]
    if n_labels and n_labels[0] not in (-1, len(vocabulary)):
        raise BeamscribeError(
            f"{folder / VOCABULARY_FILE} lists {len(vocabulary)} labels and the network has {n_labels[0]} outputs: "
            "give the vocabulary that it was trained with"
        )
    language, frame_s = _settings(folder / SETTINGS_FILE)
    return SavedModelFolder(
        folder,
        (folder / GRAPH_FILE, *sorted((folder / "variables").glob("*"))),
        vocabulary,
        language,
        sounds[0],
        _n_mels(folder, signature) if sounds[0] == "log_mel" else None,
        frame_s,
    )


def _signature(folder: Path) -> "SignatureDef":
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / GRAPH_FILE
    try:
        graphs = SavedModel.FromString(path.read_bytes()).meta_graphs
    except (OSError, DecodeError) as error:
        raise BeamscribeError(f"{path} is no SavedModel ({error}): copy the model again from where it came") from error
    signature = next((graph.signature_def[SIGNATURE] for graph in graphs if SIGNATURE in graph.signature_def), None)
    if signature is None:
        raise BeamscribeError(f"{path} has no signature {SIGNATURE}: {MEND}")
    return signature


def _sizes(signature: "SignatureDef", side: str, name: str) -> list[int]:
    """The shape of an input or output, -1 where it is open; empty where it says nothing."""
    return [dim.size for dim in getattr(signature, side)[name].tensor_shape.dim]


def _n_mels(folder: Path, signature: "SignatureDef") -> int:
    sizes = _sizes(signature, "inputs", "log_mel")
    if len(sizes) != 3 or sizes[1] < 1:
        raise BeamscribeError(f"{folder / GRAPH_FILE}: the shape of log_mel does not say how many bands it has: {MEND}")
    return sizes[1]


def _names(slots: object) -> str:
    return ", ".join(sorted(slots)) or "nothing"  # type: ignore[call-overload]


def _settings(path: Path) -> tuple[str, float | None]:
    """Language, and seconds of a frame if they are given."""
    if not path.exists():
        return "en", None
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        language, frame_s = settings["language"], settings.get("frame_s")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BeamscribeError(f'{path} gives no language ({error}): write {{"language": "en"}} into it') from error
    if not isinstance(language, str) or not language:
        raise BeamscribeError(f'{path} gives no language: write {{"language": "en"}} into it')
    if frame_s is not None and not (isinstance(frame_s, int | float) and 0 < frame_s <= MAX_FRAME_S):
        raise BeamscribeError(f"{path}: frame_s is {frame_s!r}: write the seconds of an output frame, or leave it out")
    return language, frame_s
