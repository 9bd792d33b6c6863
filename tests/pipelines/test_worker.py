"""The command that a cluster starts; what it does there, tests/cluster shows."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format

from pipelines.worker import main, provision_info, without_secrets


def test_started_by_hand_it_says_who_starts_it(capsys):
    for arguments in ([], ["--id=1"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "--provision_endpoint is missing: runners start this command" in capsys.readouterr().err


def test_it_asks_the_runner_under_its_own_name():
    asked = []

    class Service(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
        def GetProvisionInfo(self, request, context):  # noqa: N802 - the name of the call
            asked.extend(value for key, value in context.invocation_metadata() if key == "worker_id")
            info = beam_provision_api_pb2.ProvisionInfo(runner_capabilities=["a", "b"])
            json_format.ParseDict({"beam:option:s3_secret_access_key:v1": "hush"}, info.pipeline_options)
            return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)

    server = grpc.server(ThreadPoolExecutor(1))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        info = provision_info(f"127.0.0.1:{port}", "worker-7")
    finally:
        server.stop(None)
    assert asked == ["worker-7"]
    assert list(info.runner_capabilities) == ["a", "b"]
    assert without_secrets(json_format.MessageToDict(info.pipeline_options)) == {}


def test_only_secrets_are_kept_from_the_log():
    options = {"beam:option:parallelism:v1": 2, "beam:option:azure_connection_string:v1": "x", "job_name": "night"}
    assert without_secrets(options) == {"beam:option:parallelism:v1": 2, "job_name": "night"}
