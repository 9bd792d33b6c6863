"""Which language model a file holds: ARPA, or the binary format of KenLM through its own library."""

import os
from functools import lru_cache
from pathlib import Path

from model.ctc.arpa import LN_10, read_arpa, read_counts
from model.ctc.ngram import Advanced, LanguageModel, State
from model.ctc.options import LanguageModelUse
from model.digests import file_sha256
from model.errors import BeamscribeError

# how a file begins that KenLM's build_binary wrote
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
KENLM_MEND = "install kenlm (pip install kenlm; it is compiled on installation), or give the ARPA file it was made of"
# at its most, while it is read: 93 measured with 1.26 million n-grams of 60,000 words
BYTES_A_NGRAM = 100
# of a process: another model is read where another is asked for
N_KEPT = 1


def load_language_model(use: LanguageModelUse) -> LanguageModel:
    """The model of an ARPA file (plain, gzip) or of a binary of KenLM, kept for the next search of this process.

    BeamscribeError with the mend, also where the file is another than that with which the run was planned.
    """
    return _load(use.path, sha256_of(use.path), use.sha256)


@lru_cache(N_KEPT)
def _load(path: Path, sha256: str, planned_sha256: str | None) -> LanguageModel:
    if planned_sha256 not in (None, sha256):
        raise BeamscribeError(
            f"the language model {path} has sha256 {sha256} here and {planned_sha256} where the run was planned: "
            "put the same file there"
        )
    return KenlmModel(path) if _is_kenlm(path) else read_arpa(path)


def sha256_of(path: Path) -> str:
    """Of a file. BeamscribeError where it is none, or cannot be read."""
    if path.exists() and not path.is_file():
        raise BeamscribeError(f"the language model {path} is no file: give an ARPA file or a binary of KenLM")
    try:
        return file_sha256(path)
    except OSError as error:
        raise BeamscribeError(f"cannot read the language model {path}: {error.strerror}") from error


def language_model_bytes(use: LanguageModelUse) -> int:
    """What it takes of a process's memory, about."""
    if _is_kenlm(use.path):
        return os.path.getsize(use.path)
    return BYTES_A_NGRAM * sum(read_counts(use.path))


def _is_kenlm(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(KENLM_MAGIC)) == KENLM_MAGIC


class KenlmModel:
    """A model that KenLM (Heafield 2011) reads: its binaries are mapped into memory, and shared by processes."""

    def __init__(self, path: Path) -> None:
        try:
            import kenlm
        except ImportError as error:
            raise BeamscribeError(f"the language model {path} is a binary of KenLM: {KENLM_MEND}") from error
        try:
            self._model = kenlm.Model(str(path))
        except OSError as error:
            raise BeamscribeError(
                f"KenLM cannot read the language model {path}: {' '.join(str(error).split())}"
            ) from error
        self._new_state = kenlm.State

    def begin(self) -> State:
        state = self._new_state()
        self._model.BeginSentenceWrite(state)
        return state

    def advance(self, state: State, word: str) -> Advanced:
        following = self._new_state()
        log10 = self._model.BaseScore(state, word, following)
        return Advanced(following, log10 * LN_10)

    def __contains__(self, word: str) -> bool:
        return word in self._model
