"""Which language model a file holds: ARPA, or the binary format of KenLM through its own library."""

from pathlib import Path

from model.ctc.arpa import LN_10, read_arpa
from model.ctc.ngram import Advanced, LanguageModel, State
from model.errors import BeamscribeError

# how a file begins that KenLM's build_binary wrote
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
KENLM_MEND = "install kenlm (pip install kenlm; it is compiled on installation), or give the ARPA file it was made of"


def load_language_model(path: Path) -> LanguageModel:
    """The model of an ARPA file (plain, gzip) or of a binary of KenLM; BeamscribeError with the mend."""
    try:
        with path.open("rb") as file:
            is_kenlm = file.read(len(KENLM_MAGIC)) == KENLM_MAGIC
    except OSError as error:
        raise BeamscribeError(f"cannot read the language model {path}: {error.strerror}") from error
    return KenlmModel(path) if is_kenlm else read_arpa(path)


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
