"""Whisper's tokens: the special ones by what they say, and tokens to text."""

import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from model.errors import BeamscribeError

TOKENIZER_FILE = "tokenizer.json"
MEND = "copy tokenizer.json from the model it was made from, such as openai/whisper-base on the Hugging Face hub"
# one timestamp token each 0.02 s of a 30 s window, both ends included
N_TIMESTAMPS = 1501
# English-only models know the language tokens by name and have one token less; openai/whisper tells them by this too
N_VOCAB_MULTILINGUAL = 51_865
# scripts without spaces between words: Thai, Lao, Burmese, kana, Chinese characters
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
NO_SPEECH_NAMES = ("<|nospeech|>", "<|nocaptions|>")


class WhisperTokenizer:
    """The tokens of a checkpoint folder's tokenizer.json. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / TOKENIZER_FILE
        self._tokenizer = _read_tokenizer(self.path)
        self.sot = self._id("<|startoftranscript|>")
        self.eot = self._id("<|endoftext|>")
        self.transcribe = self._id("<|transcribe|>")
        self.translate = self._id("<|translate|>")
        self.sot_prev = self._id("<|startofprev|>")
        self.no_timestamps = self._id("<|notimestamps|>")
        self.no_speech = self._id(*NO_SPEECH_NAMES)
        # the timestamps follow; many files do not list them
        self.timestamp_begin = self.no_timestamps + 1
        self.n_vocab = self.timestamp_begin + N_TIMESTAMPS
        self.multilingual = self.n_vocab >= N_VOCAB_MULTILINGUAL
        marks = {token: added.content for token, added in self._tokenizer.get_added_tokens_decoder().items()}
        self.language_tokens = _language_tokens(marks) if self.multilingual else {}
        self._unwritten = {token for token, content in marks.items() if re.fullmatch(r"<\|.*\|>", content)}
        self._unwritten.update(range(self.timestamp_begin, self.n_vocab))

    def sot_sequence(self, language: str, task: str) -> tuple[int, ...]:
        """What the decoder starts from; an English-only model has neither language nor task tokens."""
        if not self.multilingual:
            return (self.sot,)
        return (self.sot, self.language_tokens[language], self.translate if task == "translate" else self.transcribe)

    def prompt_sequence(self, prompt: str) -> tuple[int, ...]:
        """What stands before start-of-transcript where the decoder is told what came before; nothing without it."""
        if not prompt.strip():
            return ()
        return (self.sot_prev, *self.encode(f" {prompt.strip()}"))

    def encode(self, text: str) -> tuple[int, ...]:
        """The tokens of a text as it stands, spaces at its ends kept."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def glued_tokens(self) -> list[int]:
        """Tokens that begin with a letter or digit: after a token of a word they go on with it."""
        texts = self._tokenizer.decode_batch([[token] for token in range(self.eot)], skip_special_tokens=False)
        return [token for token, text in enumerate(texts) if text[:1].isalnum() and not UNSPACED.match(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of the tokens, special and timestamp tokens left out, spaces at its ends kept."""
        written = [token for token in tokens if token not in self._unwritten]
        return self._tokenizer.decode(written, skip_special_tokens=False)

    def _id(self, *names: str) -> int:
        for name in names:
            token = self._tokenizer.token_to_id(name)
            if token is not None:
                return token
        raise BeamscribeError(f"{self.path} has no token {names[0]}, so it is not Whisper's: {MEND}")


def _read_tokenizer(path: Path) -> Tokenizer:
    if not path.exists():
        raise BeamscribeError(f"{path} is missing: {MEND}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers package raises nothing more specific
        raise BeamscribeError(f"{path} is not a tokenizer ({error}): {MEND}") from error


def _language_tokens(marks: dict[int, str]) -> dict[str, int]:
    """Language code -> token, in the order of the tokens."""
    codes = {token: re.fullmatch(r"<\|([a-z]{2,3})\|>", content) for token, content in sorted(marks.items())}
    return {code[1]: token for token, code in codes.items() if code}
