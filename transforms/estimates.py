"""How many hours of audio there are to do, before any of it is read: by the size of files like them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from transforms.assets import Asset, WorkItem
from transforms.history import History

# files of a kind that are looked into where nothing is known of their kind
N_PROBED = 20


@dataclass(frozen=True)
class Estimate:
    """Seconds of audio by extension, measured or looked up: bytes a second."""

    bytes_per_s: Mapping[str, float]

    def seconds(self, asset: Asset) -> float | None:
        """About how long an asset is; None where nothing is known of its kind."""
        if asset.end_s is not None:
            return asset.end_s - (asset.start_s or 0.0)
        rate = self.bytes_per_s.get(extension(asset.path))
        return None if rate is None or asset.size_bytes is None else asset.size_bytes / rate

    def total_s(self, items: Iterable[WorkItem]) -> float | None:
        """About how long all items are, what is unknown left out; None where all of it is unknown."""
        known = [s for s in (self.seconds(item.asset) for item in items) if s is not None]
        return sum(known) if known else None


def extension(path: str) -> str:
    """The lower-case extension of a path with its dot, or nothing."""
    name = path.rsplit("/", 1)[-1]
    return "." + name.rsplit(".", 1)[-1].lower() if "." in name else ""


def estimate(items: Sequence[WorkItem], history: History, probe: Callable[[Asset], float | None]) -> Estimate:
    """Bytes a second by extension: of what earlier runs decoded, else of a few files. probe: how long a file is."""
    n_bytes: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for uri, done in history.done.items():
        if done.duration_s and done.size_bytes and "#t=" not in uri:
            kind = extension(uri)
            n_bytes[kind] = n_bytes.get(kind, 0.0) + done.size_bytes
            seconds[kind] = seconds.get(kind, 0.0) + done.duration_s
    unknown: dict[str, list[Asset]] = {}
    for item in items:
        kind = extension(item.asset.path)
        if kind not in seconds and item.asset.size_bytes:
            unknown.setdefault(kind, []).append(item.asset)
    for kind, assets in unknown.items():
        for asset in assets[:: -(-len(assets) // N_PROBED)]:
            if length_s := probe(asset):
                n_bytes[kind] = n_bytes.get(kind, 0.0) + (asset.size_bytes or 0)
                seconds[kind] = seconds.get(kind, 0.0) + length_s
    return Estimate({kind: n_bytes[kind] / seconds[kind] for kind in seconds})


def bounded(items: Sequence[WorkItem], sizes: Estimate, max_s: float) -> tuple[list[WorkItem], list[WorkItem]]:
    """The first items that come to no more than `max_s` of audio, at least one; and the others."""
    taken_s = 0.0
    for number, item in enumerate(items):
        taken_s += sizes.seconds(item.asset) or 0.0
        if taken_s > max_s and number:
            return list(items[:number]), list(items[number:])
    return list(items), []


def length_text(seconds: float) -> str:
    """How long some audio is, for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.2f} h"
