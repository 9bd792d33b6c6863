"""From what was extracted to the rows of the tables of features."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from transforms.failures import failure_row, timestamp
from transforms.features.extract import Extracted, TrackFeatures
from transforms.features.rows import FeatureRow, Pooled, RegionRow
from transforms.features.sound import Columns
from transforms.heard import Heard
from transforms.rows import FailureRow


@dataclass(frozen=True)
class Origin:
    """What every row says of where it comes from."""

    run_id: str
    # the groups of features that were asked for
    groups: tuple[str, ...]
    # None: none was used
    model: str | None
    model_sha256: str | None
    code_version: str


@dataclass(frozen=True)
class FeatureRows:
    """All rows of one asset but those of frames."""

    uri: str
    features: tuple[FeatureRow, ...] = ()
    regions: tuple[RegionRow, ...] = ()
    failures: tuple[FailureRow, ...] = ()
    # an old version stays where this failure is a passing one
    keeps_old_version: bool = False


def assemble(extracted: Extracted, origin: Origin) -> FeatureRows:
    """The rows of one asset."""
    heard = extracted.heard
    uri, failure = heard.item.asset.uri, heard.failure
    if not heard.usable:
        assert failure is not None  # a file without sound does not open
        row = failure_row(heard, failure, 0.0, origin.run_id, origin.model_sha256)
        return FeatureRows(uri, failures=(row,), keeps_old_version=failure.retriable)
    failures: tuple[FailureRow, ...] = ()
    if failure:
        failures = (failure_row(heard, failure, heard.duration_s, origin.run_id, origin.model_sha256),)
    return FeatureRows(
        uri,
        features=tuple(_feature_row(heard, track, origin) for track in extracted.tracks),
        regions=tuple(row for track in extracted.tracks for row in _region_rows(uri, track)),
        failures=failures,
    )


def _pooled(columns: Columns) -> dict[str, Any]:
    """All columns of features, None those that are not there."""
    return {f.name: columns.get(f.name) for f in fields(Pooled)}


def _feature_row(heard: Heard, track: TrackFeatures, origin: Origin) -> FeatureRow:
    asset, info = heard.item.asset, heard.info
    assert info is not None  # a row is of something that could be opened
    return FeatureRow(
        uri=asset.uri,
        channel=track.channel,
        content_sha256=heard.content_sha256,
        size_bytes=asset.size_bytes or 0,
        source_modified_at=timestamp(asset.modified_at_us),
        etag=heard.etag,
        duration_s=heard.duration_s,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        codec=info.codec,
        status="partial" if heard.failure else "ok",
        flags=list(heard.flags),
        n_frames=track.n_frames,
        features=list(origin.groups),
        model=origin.model,
        model_sha256=origin.model_sha256,
        config_hash=heard.item.config_hash,
        code_version=origin.code_version,
        run_id=origin.run_id,
        made_at=datetime.now(UTC),
        **_pooled(track.columns),
    )


def _region_rows(uri: str, track: TrackFeatures) -> list[RegionRow]:
    return [
        RegionRow(
            uri=uri,
            channel=track.channel,
            region_index=index,
            start_s=region.start_s,
            end_s=region.end_s,
            **_pooled(region.columns),
        )
        for index, region in enumerate(track.regions)
    ]
