"""Lists of words that a user gives, as a text file."""

from model.errors import BeamscribeError
from transforms import storage


def read_words(path: str, what: str = "word") -> list[str]:
    """The words of a text file, or what else it lists, one a line; `#` begins a comment. Raises BeamscribeError."""
    path = storage.normalise(path)
    try:
        lines = storage.read_whole(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BeamscribeError(f"the {what}s in {path} cannot be read ({error}); give a text file in UTF-8") from error
    words = [" ".join(line.split("#")[0].split()) for line in lines]
    words = [word for word in dict.fromkeys(words) if any(c.isalnum() for c in word)]
    if not words:
        raise BeamscribeError(f"{path} holds no {what}: write one a line")
    return words
