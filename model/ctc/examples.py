"""Training data that `beamscribe features --format tfrecord` wrote: examples with log-mel features and references."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tensorflow as tf

from model.ctc.features import LogMelDefinition
from model.errors import BeamscribeError

TABLE, MANIFEST_FILE, FORMAT_VERSION = "tfrecords", "manifest.json", 1
# of an example: dtype, and what stands where it is absent
FEATURES = {
    "log_mel": tf.io.FixedLenFeature([], tf.string),
    "n_mels": tf.io.FixedLenFeature([], tf.int64),
    "uri": tf.io.FixedLenFeature([], tf.string),
    "reference": tf.io.FixedLenFeature([], tf.string, ""),
}


def example_manifest(folder: Path) -> Path:
    """The manifest of a set: in the folder itself, or in the table that `features` wrote into it."""
    return next(
        (path for path in (folder / MANIFEST_FILE, folder / TABLE / MANIFEST_FILE) if path.exists()),
        folder / MANIFEST_FILE,
    )


def read_examples(folder: Path, definition: LogMelDefinition) -> Iterator[tuple[str, str, np.ndarray]]:
    """Uri, reference and features [n_frames, n_mels] of the examples with a reference, in the order of the files.

    BeamscribeError where the set has other features than these, or a file of it is missing or was changed.
    """
    path = example_manifest(folder)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version, made, files = manifest["format_version"], manifest["log_mel"], manifest["files"]
        wanted = {str(file["name"]): str(file["sha256"]) for file in files}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BeamscribeError(f"{path} is no manifest of TFRecords ({error!r}): make them with features") from error
    if version != FORMAT_VERSION or made != asdict(definition):
        raise BeamscribeError(f"{path}: its features are made otherwise than this version's: make them again")
    for name, sha256 in wanted.items():
        yield from _read_file(path.parent / name, sha256)


def _read_file(path: Path, sha256: str) -> Iterator[tuple[str, str, np.ndarray]]:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BeamscribeError(f"{path} cannot be read ({error}): make the set of TFRecords again") from error
    if found != sha256:
        raise BeamscribeError(f"{path} is not as it was written: make the set of TFRecords again")
    for record in tf.data.TFRecordDataset(str(path)):
        example = tf.io.parse_single_example(record, FEATURES)
        if reference := example["reference"].numpy().decode("utf-8"):
            features = np.frombuffer(example["log_mel"].numpy(), "<f4").reshape(-1, int(example["n_mels"]))
            yield example["uri"].numpy().decode("utf-8", "surrogateescape"), reference, features
