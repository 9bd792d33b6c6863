"""From the references of a training set to what a network learns to write, and to the labels it writes it with."""

import json
import unicodedata
from collections.abc import Iterable, Sequence

from model.ctc.vocabulary import PIECE_START, CtcVocabulary
from model.errors import BeamscribeError

APOSTROPHES = str.maketrans("’ʼ", "''")


def fold(reference: str) -> str:
    """A reference as it is learnt: lower case, letters, marks, digits and inner apostrophes, single spaces."""
    text = unicodedata.normalize("NFKC", reference).translate(APOSTROPHES).lower()
    kept = "".join(character if _is_said(character) else " " for character in text)
    return " ".join(word for word in (word.strip("'") for word in kept.split()) if word)


def vocabulary_of(texts: Sequence[str], kind: str, n_pieces: int) -> CtcVocabulary:
    """The labels for folded texts: all their characters, or pieces of words found by byte-pair merges.

    BeamscribeError where there is nothing to write.
    """
    alphabet = sorted(set("".join(texts)) - {" "})
    if not alphabet:
        raise BeamscribeError("no reference of the manifest holds a letter: give the texts that were said")
    if kind == "characters":
        return CtcVocabulary.of_characters("".join(alphabet))
    return CtcVocabulary(("<blank>", *_pieces(texts, alphabet, n_pieces)), separator=PIECE_START)


def _pieces(texts: Iterable[str], alphabet: Sequence[str], n_pieces: int) -> list[str]:
    """Sennrich et al. 2016. Every character, and the start of a word, is a piece by itself too."""
    if n_pieces <= len(alphabet) + 1:
        raise BeamscribeError(f"--pieces {n_pieces}: the texts have {len(alphabet)} characters; give more pieces")
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=PIECE_START)
    trainer = trainers.BpeTrainer(
        vocab_size=n_pieces, initial_alphabet=[PIECE_START, *alphabet], show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(texts, trainer)
    found = json.loads(tokenizer.to_str())["model"]["vocab"]
    return sorted(found, key=found.__getitem__)


def _is_said(character: str) -> bool:
    return character == "'" or unicodedata.category(character)[0] in "LMN"
