"""Names of exported files: from the uri of an asset to a path that every filesystem takes, one for each uri."""

import hashlib
import re
from collections.abc import Iterable

# what Windows refuses, what globs and URLs read as something else, and the two marks of this module, % and ~
UNSAFE = frozenset('\\:*?"<>|#[]%~')
# of the 255 that filesystems take: an extension and the suffix of a file being written have to fit
MAX_NAME_BYTES = 200
# of the 1024 that object stores take for a whole key: the folder of the export has to fit
MAX_PATH_BYTES = 600
DIGEST_CHARS = 16


def uri_parts(uri: str) -> tuple[str, ...]:
    """Scheme, folders and name of a uri; the scheme of a local path is `file`."""
    scheme, separator, rest = uri.partition("://")
    return tuple((f"{scheme}/{rest}" if separator else f"file/{uri}").split("/"))


def common_folder(uris: Iterable[str]) -> tuple[str, ...]:
    """The folder, as parts, that all uris are below. Holds no more than two uris at a time."""
    common: tuple[str, ...] | None = None
    for uri in uris:
        folder = uri_parts(uri)[:-1]
        if common is None:
            common = folder
        elif folder[: len(common)] != common:
            n_same = next(
                (i for i, (a, b) in enumerate(zip(common, folder, strict=False)) if a != b),
                min(len(common), len(folder)),
            )
            common = common[:n_same]
    return common or ()


def file_name(uri: str, folder: tuple[str, ...]) -> str:
    """The path of an asset's exports below their folder, without the extension of the format.

    folder: what `common_folder` says, which every uri is below. Different uris have different paths: what is unsafe
    is percent-encoded, what is too long is cut and ends in `~` and a part of its SHA-256.
    """
    *folders, name = uri_parts(uri)[len(folder) :]
    last = _shortened(_encoded(name))
    path = "/".join([*(_shortened(_folder(part)) for part in folders), last])
    return path if len(path.encode()) <= MAX_PATH_BYTES else f"~{_digest(path)}/{last}"


def _encoded(part: str) -> str:
    """One part of a path; an empty one, which object stores allow, becomes the slash that no part can hold."""
    if not part:
        return "%2F"
    kept = "".join(_percent(c) if c in UNSAFE or not c.isprintable() else c for c in part)
    return kept[:-1] + _percent(kept[-1]) if kept[-1] in " ." else kept


def _folder(part: str) -> str:
    """A folder must not have the name of an export: `a` and `a.srt/b` may both be assets."""
    return re.sub(r"\.(?=(srt|vtt|txt|json)$)", "%2E", _encoded(part))


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    head = name.encode()[: MAX_NAME_BYTES - DIGEST_CHARS - 1].decode("utf8", "ignore")
    return f"{re.sub('%[0-9A-F]?$', '', head)}~{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:DIGEST_CHARS]
