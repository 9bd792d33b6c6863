"""Curves for TensorBoard, without TensorBoard: its files of events are TFRecords of TensorFlow's own messages."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

EVENTS_FILE = "events.out.tfevents.0.beamscribe"
# what the first message of a file says
FILE_VERSION = "brain.Event:2"


def write_board(folder: Path, epochs: Sequence[Mapping[str, float]]) -> None:
    """Writes the figures of all epochs, by name, anew: what goes on after a kill has no epoch twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / EVENTS_FILE)) as file:
        file.write(tf.compat.v1.Event(wall_time=0.0, file_version=FILE_VERSION).SerializeToString())
        for step, figures in enumerate(epochs, 1):
            values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
            event = tf.compat.v1.Event(wall_time=float(step), step=step, summary=tf.compat.v1.Summary(value=values))
            file.write(event.SerializeToString())
