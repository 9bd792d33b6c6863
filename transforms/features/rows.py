"""The rows of the tables that `beamscribe features` writes, defined as in `transforms.rows`."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from transforms.features.options import N_CHROMA, N_MELS, N_MFCC
from transforms.rows import SECONDS, STRINGS, TIMESTAMP, column

FLOAT = pa.float32()
FLOATS = pa.list_(pa.field("element", pa.float32(), nullable=False))


@dataclass(frozen=True)
class Pooled:
    """Features of a stretch of sound. Null: its group was not asked for, or there is nothing to measure."""

    rms_dbfs: float | None = column(FLOAT, "`time`: level, in dB below full scale. Null: digital silence.")
    peak_dbfs: float | None = column(FLOAT, "`time`: largest sample, in dB below full scale. Null: digital silence.")
    crest_factor_db: float | None = column(FLOAT, "`time`: largest sample over the level, in dB.")
    clipping: float | None = column(FLOAT, "`time`: fraction of samples at full scale (0.99 and above).")
    dc_offset: float | None = column(FLOAT, "`time`: mean of the samples, full scale is 1.")
    silence_ratio: float | None = column(
        FLOAT, "`time`: fraction of frames more than 35 dB below the level that the loudest 5 % reach."
    )
    snr_db: float | None = column(
        FLOAT, "`time`: level over that of the quietest twentieth of the frames, in dB: an estimate."
    )
    rms_mean: float | None = column(FLOAT, "`time`: root mean square of a frame, full scale is 1; mean over frames.")
    rms_std: float | None = column(FLOAT, "`time`: standard deviation of that.")
    zero_crossing_rate_mean: float | None = column(
        FLOAT, "`time`: changes of sign in a frame, over its samples; mean over frames."
    )
    zero_crossing_rate_std: float | None = column(FLOAT, "`time`: standard deviation of that.")
    loudness_lufs: float | None = column(FLOAT, "`loudness`: integrated loudness in LUFS (EBU R 128).")
    loudness_range_lu: float | None = column(FLOAT, "`loudness`: loudness range in LU (EBU Tech 3342).")
    max_momentary_lufs: float | None = column(FLOAT, "`loudness`: loudness of the loudest 400 ms, in LUFS.")
    max_short_term_lufs: float | None = column(FLOAT, "`loudness`: loudness of the loudest 3 s, in LUFS.")
    true_peak_dbtp: float | None = column(
        FLOAT, "`loudness`: largest value of the sound between its samples too, in dB below full scale."
    )
    log_mel_db_mean: list[float] | None = column(
        FLOATS, f"`log_mel`: power in each of {N_MELS} mel bands, in dB; mean over frames."
    )
    log_mel_db_std: list[float] | None = column(FLOATS, "`log_mel`: standard deviation of each, in dB.")
    mfcc_mean: list[float] | None = column(FLOATS, f"`mfcc`: {N_MFCC} cepstral coefficients; mean over frames.")
    mfcc_std: list[float] | None = column(FLOATS, "`mfcc`: standard deviation of each.")
    mfcc_delta_mean: list[float] | None = column(FLOATS, "`mfcc`: their change from frame to frame; mean over frames.")
    mfcc_delta_std: list[float] | None = column(FLOATS, "`mfcc`: standard deviation of that.")
    mfcc_delta2_mean: list[float] | None = column(FLOATS, "`mfcc`: the change of that change; mean over frames.")
    mfcc_delta2_std: list[float] | None = column(FLOATS, "`mfcc`: standard deviation of that.")
    centroid_hz_mean: float | None = column(FLOAT, "`spectral`: mean frequency of the spectrum; mean over frames.")
    centroid_hz_std: float | None = column(FLOAT, "`spectral`: standard deviation of that.")
    bandwidth_hz_mean: float | None = column(
        FLOAT, "`spectral`: spread of the spectrum around its centroid; mean over frames."
    )
    bandwidth_hz_std: float | None = column(FLOAT, "`spectral`: standard deviation of that.")
    rolloff_hz_mean: float | None = column(
        FLOAT, "`spectral`: frequency below which 85 % of the spectrum is; mean over frames."
    )
    rolloff_hz_std: float | None = column(FLOAT, "`spectral`: standard deviation of that.")
    flatness_mean: float | None = column(
        FLOAT, "`spectral`: geometric over arithmetic mean of the power, 0 a tone, 1 white noise; mean over frames."
    )
    flatness_std: float | None = column(FLOAT, "`spectral`: standard deviation of that.")
    contrast_db_mean: list[float] | None = column(
        FLOATS, "`spectral`: peaks over valleys of the bands 0-200-400-800-1600-3200-6400-8000 Hz, in dB; mean."
    )
    contrast_db_std: list[float] | None = column(FLOATS, "`spectral`: standard deviation of each, in dB.")
    chroma_mean: list[float] | None = column(
        FLOATS, f"`chroma`: how much each of {N_CHROMA} pitch classes has, from C, the strongest 1; mean over frames."
    )
    chroma_std: list[float] | None = column(FLOATS, "`chroma`: standard deviation of each.")
    voiced_ratio: float | None = column(FLOAT, "`pitch`: fraction of frames in which the voice has a pitch.")
    f0_hz_mean: float | None = column(FLOAT, "`pitch`: fundamental frequency; mean over voiced frames.")
    f0_hz_std: float | None = column(FLOAT, "`pitch`: standard deviation of that.")
    speech_s: float | None = column(SECONDS, "`speaking_rate`: speech that the detector found, in seconds.")
    syllables: int | None = column(pa.int32(), "`speaking_rate`: peaks of energy like those of syllables, in speech.")
    syllables_per_s: float | None = column(FLOAT, "`speaking_rate`: these over the whole duration.")
    articulation_rate: float | None = column(FLOAT, "`speaking_rate`: these over `speech_s`: pauses do not count.")
    embedding: list[float] | None = column(
        FLOATS, "`embedding`: output of the model's encoder; mean over its positions."
    )


@dataclass(frozen=True)
class _Asset:
    uri: str = column(pa.string(), "Where the audio is. A part of a file carries its range: `call.wav#t=10,20`.")
    channel: int | None = column(pa.int32(), "Channel of the file, from 0. Null: all channels mixed.")


@dataclass(frozen=True)
class _Utterance(_Asset):
    content_sha256: str = column(pa.string(), "SHA-256 of the bytes of the file.")
    size_bytes: int = column(pa.int64(), "Size of the file in bytes.")
    source_modified_at: datetime | None = column(TIMESTAMP, "When the file was last modified, as its store says.")
    etag: str | None = column(pa.string(), "Entity tag of the file on its object store. Null on a local disk.")
    duration_s: float = column(SECONDS, "Audio that could be decoded, in seconds.")
    sample_rate_hz: int = column(pa.int32(), "Sample rate of the file. Features are of the sound at 16 kHz.")
    channels: int = column(pa.int32(), "Channels in the file.")
    codec: str = column(pa.string(), "How the audio is coded in the file, by its FFmpeg name.")
    status: str = column(
        pa.string(), "`ok`; `partial`: the file is damaged, features are of what could be decoded (see `failures`)."
    )
    flags: list[str] = column(STRINGS, "`dual_mono`: all channels are one; `mixed_channels`: unlike ones are mixed.")
    n_frames: int = column(pa.int64(), "Frames, one each 10 ms: 1 + samples at 16 kHz // 160.")
    features: list[str] = column(STRINGS, "The groups of features that were worked out.")
    model: str | None = column(pa.string(), "Name of the model. Null where `embedding` was not asked for.")
    model_sha256: str | None = column(pa.string(), "SHA-256 of the model's weights. Null where none was used.")
    config_hash: str = column(pa.string(), "Hash of every option that can change a row. Equal hashes, equal rows.")
    code_version: str = column(pa.string(), "Version of Beamscribe.")
    run_id: str = column(pa.string(), "The run that wrote this row; key of `feature_runs`.")
    made_at: datetime = column(TIMESTAMP, "When this row was made.")


@dataclass(frozen=True)
class FeatureRow(Pooled, _Utterance):
    """One row for each (asset, channel): features pooled over all of it."""


@dataclass(frozen=True)
class _Region(_Asset):
    region_index: int = column(pa.int32(), "Position within the asset, from 0.")
    start_s: float = column(SECONDS, "Where it starts, in seconds from the start of the asset.")
    end_s: float = column(SECONDS, "Where it ends, in seconds from the start of the asset.")


@dataclass(frozen=True)
class RegionRow(Pooled, _Region):
    """One row for each region of speech (`--per region`): features of its sound alone, as if it were a file."""


@dataclass(frozen=True)
class FrameRow(_Asset):
    """One row for each frame, every 10 ms (`--per frame`). Null: its group was not asked for, or has no value here."""

    frame_index: int = column(pa.int32(), "Position within the asset, from 0.")
    time_s: float = column(SECONDS, "Its centre, in seconds from the start of the asset: `frame_index` / 100.")
    rms: float | None = column(FLOAT, "`time`: root mean square over 25 ms, full scale is 1.")
    zero_crossing_rate: float | None = column(FLOAT, "`time`: changes of sign within 25 ms, over its 400 samples.")
    log_mel_db: list[float] | None = column(FLOATS, f"`log_mel`: power in {N_MELS} mel bands, in dB, 25 ms.")
    mfcc: list[float] | None = column(FLOATS, f"`mfcc`: {N_MFCC} cepstral coefficients of the log-mel.")
    mfcc_delta: list[float] | None = column(FLOATS, "`mfcc`: their change a frame, over 9 frames.")
    mfcc_delta2: list[float] | None = column(FLOATS, "`mfcc`: the change of that change.")
    centroid_hz: float | None = column(FLOAT, "`spectral`: mean frequency of the spectrum.")
    bandwidth_hz: float | None = column(FLOAT, "`spectral`: spread of the spectrum around its centroid.")
    rolloff_hz: float | None = column(FLOAT, "`spectral`: frequency below which 85 % of the spectrum is.")
    flatness: float | None = column(FLOAT, "`spectral`: geometric over arithmetic mean of the power.")
    contrast_db: list[float] | None = column(FLOATS, "`spectral`: peaks over valleys of 7 bands, in dB.")
    chroma: list[float] | None = column(FLOATS, f"`chroma`: {N_CHROMA} pitch classes from C, over 128 ms.")
    f0_hz: float | None = column(FLOAT, "`pitch`: fundamental frequency. Null where the voice has none.")
    voiced_probability: float | None = column(FLOAT, "`pitch`: probability that the voice has a pitch.")


@dataclass(frozen=True)
class EmbeddingRow(_Asset):
    """One row for each position of the model's encoder (`--per frame` with `embedding`)."""

    position_index: int = column(pa.int32(), "Position within the asset, from 0.")
    time_s: float = column(SECONDS, "Where it starts, in seconds from the start of the asset.")
    embedding: list[float] = column(FLOATS, "Output of the encoder.")


@dataclass(frozen=True)
class FeatureRunRow:
    """One row for each run of `beamscribe features`."""

    run_id: str = column(pa.string(), "Name of the run: UTC time of its start and a random suffix.")
    started_at: datetime = column(TIMESTAMP, "When it started.")
    finished_at: datetime = column(TIMESTAMP, "When its tables were committed.")
    wall_s: float = column(SECONDS, "Time from start to commit, in seconds.")
    exit_status: int = column(
        pa.int32(), "0; 3 where more failed than `--max_failed_fraction` allows; 130, 143: told to stop."
    )
    found: int = column(pa.int64(), "Assets that the inputs name.")
    skipped_not_media: int = column(pa.int64(), "Files in input folders that are neither audio nor video.")
    unchanged: int = column(pa.int64(), "Assets that were done before and have not changed.")
    touched: int = column(pa.int64(), "Unchanged assets that were written again with the bytes they had.")
    removed: int = column(pa.int64(), "Assets that were no longer among the inputs and whose rows went.")
    failed_before: int = column(pa.int64(), "Assets that failed before, would fail again, and were left alone.")
    deferred: int = column(pa.int64(), "Assets that were left to later runs (`--max_hours`).")
    unfinished: int = column(pa.int64(), "Assets that were left to later runs because this one was told to stop.")
    planned: int = column(pa.int64(), "Assets that this run worked on.")
    ok: int = column(pa.int64(), "Planned assets that have their features.")
    partial: int = column(pa.int64(), "Planned assets that are damaged and have features of what could be decoded.")
    failed: int = column(pa.int64(), "Planned assets that failed.")
    features: int = column(pa.int64(), "Rows written to `features`.")
    regions: int = column(pa.int64(), "Rows written to `regions`.")
    frames: int = column(pa.int64(), "Rows written to `frames`, or frames of log-mel in the TFRecords.")
    embeddings: int = column(pa.int64(), "Rows written to `embeddings`.")
    audio_s: float = column(SECONDS, "Audio decoded, in seconds (every channel counts).")
    speed: float = column(pa.float32(), "Audio seconds a wall-clock second.")
    model: str | None = column(pa.string(), "Name of the model. Null where none was used.")
    model_sha256: str | None = column(pa.string(), "SHA-256 of the model's weights. Null where none was used.")
    config_hash: str = column(pa.string(), "Hash of every option that can change a row.")
    code_version: str = column(pa.string(), "Version of Beamscribe.")
    options: str = column(pa.string(), "The options of the run, as JSON.")
    versions: str = column(pa.string(), "Versions of Python and of the libraries that touch the result, as JSON.")
    runner: str = column(pa.string(), "The Beam runner.")


FEATURE_TABLES: dict[str, type] = {
    "features": FeatureRow,
    "regions": RegionRow,
    "frames": FrameRow,
    "embeddings": EmbeddingRow,
    "feature_runs": FeatureRunRow,
}
