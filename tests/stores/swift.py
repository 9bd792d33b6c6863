"""OpenStack Swift with its S3 interface on loopback: one proxy, one account, container and object server each.

As its own all-in-one guide has it, but with one replica on one folder, without memcached, and on free ports.
"""

import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.stores.processes import free_port, running

ACCESS_KEY, SECRET_KEY = "test:tester", "testing-secret"
KINDS = ("account", "container", "object")
MAKE_RINGS = """
import sys
from swift.common.ring import RingBuilder
for argument in sys.argv[1:]:
    name, port = argument.rsplit(":", 1)
    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    where = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "disk", **where})
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")
"""
STORAGE_SERVER = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_level = ERROR
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY_SERVER = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper cache bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
# Swift refuses a signature for a region other than its own
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing-secret .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


@contextlib.contextmanager
def swift(installed: Path, folder: Path) -> Iterator[int]:
    """Runs Swift below a folder; yields the port of its S3 interface.

    installed: the environment that Swift is installed in.
    """
    ports = {kind: free_port() for kind in (*KINDS, "proxy")}
    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    _make_rings(installed, folder, ports)
    for kind, port in ports.items():
        text = PROXY_SERVER if kind == "proxy" else STORAGE_SERVER
        config = text.format(kind=kind, port=port, user=getpass.getuser(), folder=folder)
        (folder / f"{kind}-server.conf").write_text(config)
    with contextlib.ExitStack() as servers:
        for kind, port in ports.items():
            command = [installed / "bin/python", installed / f"bin/swift-{kind}-server", folder / f"{kind}-server.conf"]
            servers.enter_context(running(command, port, folder / f"{kind}.log"))
        yield ports["proxy"]


def _make_rings(installed: Path, folder: Path, ports: dict[str, int]) -> None:
    arguments = [f"{folder / kind}:{ports[kind]}" for kind in KINDS]
    subprocess.run([installed / "bin/python", "-c", MAKE_RINGS, *arguments], check=True, capture_output=True)
