"""From recognised windows back to whole assets: the rows of every table."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from model.recognizer import Hypothesis
from transforms.failures import failure_row, timestamp
from transforms.guards import scene_of
from transforms.heard import Failure, Heard, HeardTrack
from transforms.invariants import violations
from transforms.levels import mean_between, noise_of, snr_db, to_db
from transforms.pieces import Piece, pieces
from transforms.recognized import RecognizedWindow
from transforms.rows import FailureRow, SegmentRow, TranscriptRow, WordRow
from transforms.text.options import TextOptions, write
from transforms.text.talk import Said, Written
from transforms.text.words import PlacedWord
from transforms.windows import spans_samples, to_asset_s

AS_WRITTEN = TextOptions()
# the rules of texts left nothing of what was said
EMPTIED = "emptied"


@dataclass(frozen=True)
class Provenance:
    """What every row says of where it comes from."""

    run_id: str
    model: str
    model_sha256: str
    code_version: str
    # what the model was told to expect
    prompt: str = ""
    # what becomes of the model's text
    text: TextOptions = AS_WRITTEN


@dataclass(frozen=True)
class AssetRows:
    """All rows of one asset."""

    uri: str
    transcripts: tuple[TranscriptRow, ...] = ()
    segments: tuple[SegmentRow, ...] = ()
    words: tuple[WordRow, ...] = ()
    failures: tuple[FailureRow, ...] = ()
    n_windows: int = 0
    n_windows_rescued: int = 0
    # what the second pass took
    rescue_s: float = 0.0
    n_violations: int = 0
    # an old version stays where this failure is a passing one
    keeps_old_version: bool = False


def assemble(heard: Heard, windows: Iterable[RecognizedWindow], provenance: Provenance) -> AssetRows:
    """The rows of one asset, from what was read of it and all its windows in any order."""
    by_track: dict[int | None, list[RecognizedWindow]] = {track.channel: [] for track in heard.tracks}
    for window in windows:
        by_track[window.channel].append(window)
    for track in heard.tracks:
        by_track[track.channel].sort(key=lambda w: w.window_index)
        if [w.window_index for w in by_track[track.channel]] != list(range(track.n_windows)):
            raise RuntimeError(
                f"{heard.item.asset.uri}: channel {track.channel} lost windows on the way"
            )  # a bug of ours
    failure = heard.failure or _model_failure(by_track.values())
    if failure and not (heard.usable and _anything_recognized(by_track.values())):
        row = failure_row(heard, failure, 0.0, provenance.run_id, provenance.model_sha256)
        return AssetRows(heard.item.asset.uri, failures=(row,), keeps_old_version=failure.retriable)
    failures: tuple[FailureRow, ...] = ()
    if failure:
        failures = (failure_row(heard, failure, heard.duration_s, provenance.run_id, provenance.model_sha256),)
    transcripts: list[TranscriptRow] = []
    segments: list[SegmentRow] = []
    words: list[WordRow] = []
    n_violations = 0
    for track in heard.tracks:
        in_track = by_track[track.channel]
        rows, words_of = _segments(heard, track, in_track, provenance)
        transcripts.append(_transcript(heard, track, rows, in_track, provenance, failure))
        speech = [span for window in in_track if window.hypothesis for span in window.speech]
        n_violations += len(violations(rows, words_of, speech, heard.duration_s))
        segments += rows
        words += words_of
    rescues = [w.rescue_s for windows in by_track.values() for w in windows if w.rescue_s is not None]
    return AssetRows(
        uri=heard.item.asset.uri,
        transcripts=tuple(transcripts),
        segments=tuple(segments),
        words=tuple(words),
        failures=failures,
        n_windows=sum(track.n_windows for track in heard.tracks),
        n_windows_rescued=len(rescues),
        rescue_s=sum(rescues),
        n_violations=n_violations,
    )


def _model_failure(tracks: Iterable[Sequence[RecognizedWindow]]) -> Failure | None:
    errors = [window.error for windows in tracks for window in windows if window.error]
    if not errors:
        return None
    error_type, message = errors[0]
    return Failure("recognize", error_type, f"the model failed on {len(errors)} windows: {message}", retriable=True)


def _anything_recognized(tracks: Iterable[Sequence[RecognizedWindow]]) -> bool:
    """False only where there were windows and the model failed on every one."""
    windows = [window for windows in tracks for window in windows]
    return not windows or any(window.hypothesis for window in windows)


def _segments(
    heard: Heard, track: HeardTrack, windows: Sequence[RecognizedWindow], provenance: Provenance
) -> tuple[list[SegmentRow], list[WordRow]]:
    """The segments of one channel and their words: in order, inside the asset, without overlap."""
    found: list[tuple[RecognizedWindow, Piece]] = []
    talk: list[Said] = []
    last_word_s = 0.0
    for window in windows:
        if window.hypothesis is None:
            continue
        scene = scene_of(window.spans, window.speech, provenance.prompt)
        for piece in pieces(window.hypothesis, scene, window.flags):
            words = []
            for word in piece.words:
                words.append(_in_asset(window, word, last_word_s))
                last_word_s = words[-1].end_s or last_word_s
            found.append((window, piece))
            talk.append(Said(piece.raw_text, piece.edits, tuple(words), window.hypothesis.language))
    rows: list[SegmentRow] = []
    word_rows: list[WordRow] = []
    for (window, piece), text in zip(found, write(talk, provenance.text), strict=True):
        rows.append(_segment(heard, track, window, piece, text, provenance, rows))
        word_rows += words_of_segment(rows[-1], text.words)
    return rows, word_rows


def words_of_segment(segment: SegmentRow, words: Sequence[PlacedWord]) -> list[WordRow]:
    """The rows of the words of a segment."""
    key = (segment.uri, segment.channel, segment.segment_index)
    return [WordRow(*key, index, w.start_s, w.end_s, w.word, w.probability) for index, w in enumerate(words)]


def _segment(
    heard: Heard,
    track: HeardTrack,
    window: RecognizedWindow,
    piece: Piece,
    written: Written,
    provenance: Provenance,
    before: Sequence[SegmentRow],
) -> SegmentRow:
    hypothesis = window.hypothesis
    assert hypothesis is not None  # a piece is of something that was recognised
    earliest_s = before[-1].end_s if before else 0.0
    start_s = max(earliest_s, to_asset_s(window.spans, piece.start_s, at_end=False))
    rms_dbfs, snr = _levels(window, piece.start_s, piece.end_s)
    emptied = {EMPTIED} if piece.text and not written.text else set()
    return SegmentRow(
        uri=heard.item.asset.uri,
        channel=track.channel,
        content_sha256=heard.content_sha256,
        segment_index=len(before),
        start_s=start_s,
        end_s=max(start_s, to_asset_s(window.spans, piece.end_s, at_end=True)),
        text=written.text,
        raw_text=written.raw_text,
        edits=[asdict(edit) for edit in written.edits],
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        temperature=hypothesis.temperature,
        language=hypothesis.language,
        flags=sorted({*piece.flags, *emptied}),
        rms_dbfs=rms_dbfs,
        snr_db=snr,
        clipping=mean_between(window.clipped, piece.start_s, piece.end_s),
        run_id=provenance.run_id,
    )


def _in_asset(window: RecognizedWindow, word: PlacedWord, earliest_s: float) -> PlacedWord:
    """A word in seconds of the asset, not before the end of the word before it; unknown where either is."""
    if word.start_s is None or word.end_s is None:
        return replace(word, start_s=None, end_s=None)
    start_s = max(earliest_s, to_asset_s(window.spans, word.start_s, at_end=False))
    return replace(word, start_s=start_s, end_s=max(start_s, to_asset_s(window.spans, word.end_s, at_end=True)))


def _levels(window: RecognizedWindow, start_s: float, end_s: float) -> tuple[float | None, float | None]:
    """Level of a stretch of a window in dB below full scale, and in dB over the quietest frames of the window."""
    level = mean_between(window.mean_squares, start_s, end_s)
    return to_db(level), snr_db(level, noise_of(window.mean_squares)) if level > 0 else None


def _transcript(
    heard: Heard,
    track: HeardTrack,
    segments: Sequence[SegmentRow],
    windows: Sequence[RecognizedWindow],
    provenance: Provenance,
    failure: Failure | None,
) -> TranscriptRow:
    text = " ".join(s.text for s in segments if s.text)
    hypotheses = [(w.hypothesis, spans_samples(w.spans)) for w in windows if w.hypothesis]
    spoken = [s for s in segments if s.text or EMPTIED in s.flags]
    language, probability = _spoken(track, hypotheses) if spoken else (None, None)
    languages = {s.language for s in spoken}
    info = heard.info
    assert info is not None  # a transcript is of something that could be opened
    return TranscriptRow(
        uri=heard.item.asset.uri,
        channel=track.channel,
        content_sha256=heard.content_sha256,
        size_bytes=heard.item.asset.size_bytes or 0,
        source_modified_at=timestamp(heard.item.asset.modified_at_us),
        etag=heard.etag,
        duration_s=heard.duration_s,
        speech_s=track.speech_s,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        codec=info.codec,
        status="partial" if failure else "ok" if spoken else "no_speech",
        language=language,
        language_probability=probability,
        text=text,
        raw_text=" ".join(s.raw_text for s in segments if s.raw_text),
        avg_logprob=_mean_logprob([h for h, _ in hypotheses]),
        flags=sorted(
            {
                *heard.flags,
                *(flag for s in segments for flag in s.flags),
                *(["several_languages"] if len(languages) > 1 else []),
            }
        ),
        model=provenance.model,
        model_sha256=provenance.model_sha256,
        config_hash=heard.item.config_hash,
        code_version=provenance.code_version,
        run_id=provenance.run_id,
        transcribed_at=datetime.now(UTC),
    )


def _mean_logprob(hypotheses: Sequence[Hypothesis]) -> float | None:
    """Mean over all tokens, end-of-text included."""
    n_tokens = sum(len(h.tokens) + 1 for h in hypotheses)
    return sum(h.avg_logprob * (len(h.tokens) + 1) for h in hypotheses) / n_tokens if hypotheses else None


def _spoken(track: HeardTrack, hypotheses: Sequence[tuple[Hypothesis, int]]) -> tuple[str, float | None]:
    """What was identified for the whole channel, else what the windows say."""
    if track.language is None:
        return _language(hypotheses)
    return track.language, track.language_probability


def _language(hypotheses: Sequence[tuple[Hypothesis, int]]) -> tuple[str, float | None]:
    """The language with most of the speech behind it, weighted by its probability; and its mean probability."""
    weights: dict[str, float] = {}
    for hypothesis, n_samples in hypotheses:
        share = 1.0 if hypothesis.language_probability is None else hypothesis.language_probability
        weights[hypothesis.language] = weights.get(hypothesis.language, 0.0) + share * n_samples
    language = max(sorted(weights), key=lambda code: weights[code])
    probabilities = [
        (h.language_probability, n)
        for h, n in hypotheses
        if h.language == language and h.language_probability is not None
    ]
    if not probabilities:
        return language, None
    return language, sum(p * n for p, n in probabilities) / sum(n for _, n in probabilities)
