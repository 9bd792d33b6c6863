"""The command `beamscribe-worker`: a process that works for a Beam runner on another machine or in another process.

It keeps Beam's contract for containers (`--id`, `--provision_endpoint`, `--logging_endpoint`, `--control_endpoint`), so
that a cluster needs no container: name it in `--environment_type=PROCESS --environment_config='{"command": …}'`, or
give it to Beam's worker pool as its `--container_executable`. It installs nothing: it is what the environment is.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

# before TensorFlow is loaded, and as in `pipelines.cli`
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format

from pipelines.run_columns import is_secret

PROVISION_TIMEOUT_S = 60


def main(argv: Sequence[str]) -> None:
    """Works until the runner closes the connection. SystemExit for arguments that are not those of the contract."""
    parser = argparse.ArgumentParser(prog="beamscribe-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="the runner's name for this worker")
    for endpoint in ("provision", "logging", "control", "artifact"):
        parser.add_argument(f"--{endpoint}_endpoint", help="HOST:PORT of a service of the runner")
    args, _ = parser.parse_known_args(argv)
    if not args.provision_endpoint:
        parser.error("--provision_endpoint is missing: runners start this command, with it")
    info = provision_info(args.provision_endpoint, args.id)
    control = args.control_endpoint or info.control_endpoint.url
    logging = args.logging_endpoint or info.logging_endpoint.url
    # the names of Beam's own start of a container
    os.environ["WORKER_ID"] = args.id
    os.environ["CONTROL_API_SERVICE_DESCRIPTOR"] = f'url: "{control}"'
    os.environ["LOGGING_API_SERVICE_DESCRIPTOR"] = f'url: "{logging}"'
    os.environ["PIPELINE_OPTIONS"] = json.dumps(without_secrets(json_format.MessageToDict(info.pipeline_options)))
    os.environ["RUNNER_CAPABILITIES"] = " ".join(info.runner_capabilities)

    # reads the environment while it is loaded
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


def provision_info(endpoint: str, worker_id: str) -> Any:
    """What the runner says of the run: beam_provision_api_pb2.ProvisionInfo."""
    with grpc.insecure_channel(endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=PROVISION_TIMEOUT_S)
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return service.GetProvisionInfo(request, metadata=[("worker_id", worker_id)]).info


def without_secrets(options: dict[str, Any]) -> dict[str, Any]:
    """Options without keys, which steps are told of another way: Beam writes the rest to the log of each worker."""
    return {name: value for name, value in options.items() if not is_secret(name)}


def entry() -> NoReturn:
    """The installed command. Ends at once: threads of TensorFlow and gRPC that end late can abort one that is done."""
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    entry()
