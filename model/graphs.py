"""Traced functions kept on disk: tracing is Python's work and takes seconds, reading a graph back a few hundredths.

What is kept holds no weights and nothing of a recording: a function's operations, as a MetaGraphDef of TensorFlow's.
A graph is used again only by the same code, with the same TensorFlow, for the same shapes and settings; one that is
damaged, or a folder that cannot be written, costs the time of tracing and nothing else.
"""

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

log = logging.getLogger(__name__)

# names a folder for what can be made again; an empty one: nothing is kept
CACHE = "BEAMSCRIBE_CACHE"
SIGNATURE = "function"
DIGEST_BYTES = hashlib.sha256().digest_size
# the files used last that stay when another is written: about a megabyte each
MOST_FILES = 100
TEMPORARY = ".graph-"
NAME = re.compile(rf"[0-9a-f]{{64}}\.pb|{re.escape(TEMPORARY)}.*")


def code_digest() -> str | None:
    """Of all code that graphs are made by; None where it does not lie in files."""
    digest = hashlib.sha256()
    try:
        paths = sorted(Path(__file__).parent.glob("**/*.py"))
        for path in paths:
            digest.update(path.read_bytes())
    except OSError:
        return None
    return digest.hexdigest() if paths else None


# when the code was read, not when it is asked for: an upgrade may come between
CODE = code_digest()
VERSIONS = (tf.__version__, tf.version.GIT_VERSION, np.__version__)


class Graphs:
    """The functions of one network. Safe to share between threads."""

    def __init__(
        self, folder: Path | None, tensors: Mapping[str, tf.Tensor] | None = None, description: str = ""
    ) -> None:
        """folder: where graphs are kept; None: they are not. tensors: all that functions use beside their arguments.

        description: whatever else graphs depend on, but for what tells the functions of one network apart.
        """
        self._folder = folder
        self._tensors = dict(tensors or {})
        self._description = description

    def function(
        self, body: Callable[..., Any], signature: Sequence[Any], result: Any, settings: str
    ) -> Callable[..., Any]:
        """A TensorFlow function of a signature of TensorSpecs or named tuples of them, traced when it is first called.

        result: as the body's own is built up, whatever its leaves are. settings: what tells this function from others.
        """
        if self._folder is None or CODE is None:
            return tf.function(body, autograph=False, input_signature=signature)
        specs = {name: (tensor.shape.as_list(), tensor.dtype.name) for name, tensor in sorted(self._tensors.items())}
        parts = (CODE, VERSIONS, self._description, specs, settings, list(signature))
        name = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
        return KeptFunction(self._folder / f"{name}.pb", self._tensors, body, signature, result)


class KeptFunction:
    """A function whose graph is read from a file, or traced and written to it."""

    def __init__(
        self,
        path: Path,
        tensors: Mapping[str, tf.Tensor],
        body: Callable[..., Any],
        signature: Sequence[Any],
        result: Any,
    ) -> None:
        self._path = path
        self._tensors = tensors
        self._body = body
        self._signature = signature
        self._result = result
        self._preparing = threading.Lock()
        self._run: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        with self._preparing:
            if self._run is None:
                self._run = self._read() or self._trace()
        return self._run(*arguments)

    def _read(self) -> Callable[..., Any] | None:
        """The function from its file; None where there is none that can be used."""
        try:
            # no part of TensorFlow's interface: without it functions are traced
            from tensorflow.python.eager.context import context

            meta = MetaGraphDef.FromString(checked(read_own(self._path)))
            with contextlib.suppress(OSError):  # a cache that is only read
                os.utime(self._path)
            for called in meta.graph_def.library.function:
                context().add_function_def(called)
            meta.graph_def.ClearField("library")
            function = tf.function(partial(self._imported, meta), autograph=False, input_signature=self._signature)
            function.get_concrete_function()
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 whatever is wrong with it, it can be made again
            log.debug("the graph %s is traced again: %s", self._path, error)
            return None
        return function

    def _imported(self, meta: MetaGraphDef, *arguments: Any) -> Any:
        """The results of a kept graph for the arguments of a function that is traced."""
        interface = meta.signature_def[SIGNATURE]
        inputs = {str(i): tensor for i, tensor in enumerate(tf.nest.flatten(arguments))}
        inputs |= {name: tf.convert_to_tensor(self._tensors[name]) for name in interface.inputs if name not in inputs}
        results = tf.graph_util.import_graph_def(
            meta.graph_def,
            input_map={interface.inputs[key].name: tensor for key, tensor in inputs.items()},
            return_elements=[interface.outputs[str(i)].name for i in range(len(interface.outputs))],
            name="",
        )
        return tf.nest.pack_sequence_as(self._result, results)

    def _trace(self) -> Callable[..., Any]:
        function = tf.function(self._body, autograph=False, input_signature=self._signature)
        concrete = function.get_concrete_function()
        try:
            self._keep(concrete)
        except Exception as error:  # noqa: BLE001 what cannot be kept is traced again the next time
            log.debug("the graph %s is not kept: %s", self._path, error)
        return function

    def _keep(self, concrete: Any) -> None:
        names = {id(tensor): name for name, tensor in self._tensors.items()}
        captured = [names.get(id(tensor)) for tensor in concrete.captured_inputs]
        if None in captured:
            raise ValueError("it uses other tensors than its network's")
        if code_digest() != CODE:
            raise ValueError("the code has changed since this process read it")
        keys = [*map(str, range(len(concrete.inputs) - len(captured))), *captured]
        interface = SignatureDef(
            inputs={key: TensorInfo(name=tensor.name) for key, tensor in zip(keys, concrete.inputs, strict=True)},
            outputs={str(i): TensorInfo(name=tensor.name) for i, tensor in enumerate(concrete.outputs)},
        )
        graph = renamed(concrete.graph.as_graph_def(), self._path.stem)
        meta = MetaGraphDef(graph_def=graph, signature_def={SIGNATURE: interface})
        content = meta.SerializeToString()
        write(self._path, hashlib.sha256(content).digest() + content)


def renamed(graph: GraphDef, prefix: str) -> GraphDef:
    """A graph whose own functions have names that no other graph's have: TensorFlow knows them by name, each once."""
    own = {called.signature.name for called in graph.library.function}

    def in_nodes(nodes: Iterable[NodeDef]) -> None:
        for node in nodes:
            for value in node.attr.values():
                for called in (value.func, *value.list.func):
                    if called.name in own:
                        called.name = f"{prefix}_{called.name}"

    in_nodes(graph.node)
    for called in graph.library.function:
        called.signature.name = f"{prefix}_{called.signature.name}"
        in_nodes(called.node_def)
    return graph


def read_own(path: Path) -> bytes:
    """A file's bytes. PermissionError where somebody else could have written it: graphs are programs."""
    for each in (path.parent, path):
        facts = each.stat()
        if facts.st_uid not in (os.geteuid(), 0) or facts.st_mode & 0o022:
            raise PermissionError(f"others than this user may write {each}")
    return path.read_bytes()


def checked(content: bytes) -> bytes:
    """What follows its own digest; ValueError where it is no longer what was written."""
    digest, rest = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("the file is damaged")
    return rest


def write(path: Path, content: bytes) -> None:
    """Writes a file of the cache, whole or not at all, and drops the files that were not used for longest."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.close()
            temporary.replace(path)
        except OSError:
            temporary.unlink()
            raise
    own = [other for other in path.parent.iterdir() if NAME.fullmatch(other.name)]
    files = sorted(own, key=lambda other: other.stat().st_mtime)
    for old in files[:-MOST_FILES]:
        old.unlink(missing_ok=True)


def graphs_folder() -> Path | None:
    """Where graphs are kept; None where they are not."""
    named = os.environ.get(CACHE)
    if named is not None:
        return Path(named).expanduser() / "graphs" if named else None
    of_user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (of_user if of_user.is_absolute() else Path.home() / ".cache") / "beamscribe" / "graphs"
    except RuntimeError:  # a user without a home
        return None
