"""What `beamscribe models` says of a model, by its family."""

import resource
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from model.ctc.facts import ctc_facts, parameters_by_part, verify_ctc, window_flops
from model.ctc.files import inspect_ctc
from model.ctc.footprint import ctc_process_bytes
from model.precision import fastest_precision
from model.processors import n_processors
from model.recognizer import BATCH_WINDOWS, DecodeOptions
from model.registry import CTC, SAVED_MODEL, WHISPER, ModelFiles, load_recognizer
from model.saved_model_folder import read_folder
from model.whisper import facts as whisper
from model.whisper.checkpoint import inspect_checkpoint, load_checkpoint
from model.whisper.footprint import process_bytes
from pipelines.cli import quiet

WINDOW_S = 30


def show_facts(files: ModelFiles) -> dict[str, Any]:
    """What there is to say of a model without reading its weights."""
    return {
        "name": files.name,
        "family": files.family,
        "folder": str(files.folder),
        "sha256": files.sha256,
        "multilingual": files.multilingual,
        "languages": list(files.languages),
        **SHOWN[files.family](files),
    }


def profile_facts(files: ModelFiles) -> dict[str, Any]:
    """What a model costs, by its sizes and by a short run."""
    return {"name": files.name, **PROFILED[files.family](files)}


def verify_weights(files: ModelFiles) -> int:
    """How many numbers a model has, all of them sound; BeamscribeError for the first that is not."""
    return VERIFIED[files.family](files)


def _whisper_shown(files: ModelFiles) -> dict[str, Any]:
    stored = inspect_checkpoint(files.folder)
    return {
        "bytes": sum(path.stat().st_size for path in stored.weight_files),
        "parameters": sum(whisper.parameters_by_part(stored.dims).values()),
        "stored_as": sorted({tensor.dtype for tensor in stored.tensors.values()}),
        **asdict(stored.dims),
    }


def _ctc_shown(files: ModelFiles) -> dict[str, Any]:
    found = inspect_ctc(files.folder)
    size = sum(path.stat().st_size for path in found.paths)
    return {"bytes": size, "parameters": found.n_parameters, **ctc_facts(found)}


def _saved_model_shown(files: ModelFiles) -> dict[str, Any]:
    found = read_folder(files.folder)
    with quiet():
        from model.saved_model_facts import n_variables, saved_model_facts

        size = sum(path.stat().st_size for path in found.files)
        return {"bytes": size, "parameters": n_variables(found), **saved_model_facts(found)}


def _whisper_profiled(files: ModelFiles) -> dict[str, Any]:
    dims, precision = inspect_checkpoint(files.folder).dims, fastest_precision()
    beam_size, n_threads = DecodeOptions().beam_size, n_processors()
    with quiet():
        from model.whisper.stopwatch import measure

        speed = measure(load_checkpoint(files.folder), precision)
    parts = whisper.parameters_by_part(dims)
    return {
        "parameters": sum(parts.values()),
        **{f"parameters, {part}": n for part, n in parts.items()},
        "gflops of the encoder, a window of 30 s": whisper.encoder_flops(dims) / 1e9,
        "gflops of its keys and values": whisper.context_flops(dims) / 1e9,
        "gflops of a token, the 61st": whisper.token_flops(dims, 60) / 1e9,
        "gflops a second of English, greedy": whisper.flops_a_second(dims, 1) / 1e9,
        f"gflops a second of English, {beam_size} hypotheses": whisper.flops_a_second(dims, beam_size) / 1e9,
        f"memory of a process, GB, {BATCH_WINDOWS} windows, {n_threads} threads": (
            process_bytes(dims, precision, beam_size, BATCH_WINDOWS, n_threads) / 1e9
        ),
        "measured in": f"{precision}, {n_threads} threads",
        "measured: ms of the encoder, a window of 30 s": speed.encoder_ms,
        "measured: ms of a token, 4 windows together": speed.step_ms,
        "times real time that this comes to, greedy": speed.times_real_time,
    }


def _ctc_profiled(files: ModelFiles) -> dict[str, Any]:
    found = inspect_ctc(files.folder)
    n_frames = WINDOW_S * found.config.log_mel.sample_rate_hz // found.config.log_mel.hop
    return {
        "parameters": found.n_parameters,
        **{f"parameters, {part}": n for part, n in parameters_by_part(found).items()},
        "gflops a second, in windows of 30 s": window_flops(found.config, found.shapes, n_frames) / WINDOW_S / 1e9,
        f"memory of a process, GB, {n_processors()} threads": ctc_process_bytes(found, n_processors()) / 1e9,
        **_measured(files),
    }


def _saved_model_profiled(files: ModelFiles) -> dict[str, Any]:
    found = read_folder(files.folder)
    with quiet():
        from model.saved_model_facts import n_variables

        return {"parameters": n_variables(found), **_measured(files)}


def _measured(files: ModelFiles) -> dict[str, Any]:
    """Of any model that decodes by CTC: what it takes to hear full windows."""
    found: dict[str, Any] = {"measured in": f"float32, {n_processors()} threads"}
    with quiet():
        from model.ctc.stopwatch import measure

        for beam_size in (1, DecodeOptions().beam_size):
            speed = measure(load_recognizer(files, DecodeOptions(beam_size=beam_size)))
            how = "greedy" if beam_size == 1 else f"{beam_size} hypotheses"
            found[f"measured: ms of a window of 30 s, {how}"] = speed.window_ms
            found[f"times real time that this comes to, {how}"] = speed.times_real_time
    found["measured: memory of this process, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return found


def _saved_model_verified(files: ModelFiles) -> int:
    with quiet():
        from model.saved_model_facts import verify_saved_model

        return verify_saved_model(read_folder(files.folder))


def _ctc_verified(files: ModelFiles) -> int:
    with quiet():
        return verify_ctc(files.folder)


Facts = dict[str, Callable[[ModelFiles], dict[str, Any]]]
SHOWN: Facts = {WHISPER: _whisper_shown, CTC: _ctc_shown, SAVED_MODEL: _saved_model_shown}
PROFILED: Facts = {WHISPER: _whisper_profiled, CTC: _ctc_profiled, SAVED_MODEL: _saved_model_profiled}
VERIFIED: dict[str, Callable[[ModelFiles], int]] = {
    WHISPER: whisper.verify_weights,
    CTC: _ctc_verified,
    SAVED_MODEL: _saved_model_verified,
}
