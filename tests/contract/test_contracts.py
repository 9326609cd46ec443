"""The contracts between services: compatible, understood, allowed, documented and fresh."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, json_format, message_factory

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
RIGHTS = yaml.safe_load((ROOT / "deploy/nats/permissions.yaml").read_text())["services"]
SERVICES = sorted(RIGHTS)

pytestmark = pytest.mark.contract


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_the_contracts_are_compatible_with_the_released_ones():
    done = run(BIN / "buf", "breaking", "proto", "--against", "tests/contract/baseline.binpb")
    assert done.returncode == 0, done.stdout


def test_a_breaking_change_would_be_found(tmp_path):
    broken = tmp_path / "proto"
    subprocess.run(["cp", "-r", ROOT / "proto", broken], check=True)
    events = broken / "leadchain/intake/v1/events.proto"
    events.write_text(events.read_text().replace("string lead_id = 3;", "bytes lead_id = 3;"))
    done = run(BIN / "buf", "breaking", broken, "--against", "tests/contract/baseline.binpb")
    assert done.returncode != 0
    assert "lead_id" in done.stdout


def test_the_generated_code_is_fresh():
    done = run(sys.executable, "tools/generate_contracts.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_event_document_is_fresh():
    done = run(sys.executable, "tools/document_events.py", "--check")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module", params=SERVICES)
def service(request):
    return request.param


@pytest.fixture(scope="module")
def asyncapi(service, tmp_path_factory):
    """What the service says it reads, from its own command line."""
    package = service.replace("-", "_")
    keys = "k1:" + "A" * 43 + "="
    environment = {
        f"{package.upper()}_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "JWKS_FILE": str(tmp_path_factory.mktemp("keys") / "jwks.json"),
        "FIELD_KEYS": keys,
        "INDEX_KEY": "A" * 43 + "=",
        "GOLDEN_ID_KEY": "A" * 43 + "=",
        "GRAPH_BASE_URL": "http://127.0.0.1:1",
        "LEAD_INTAKE_GRPC": "127.0.0.1:1",
        "IDENTITY_GRPC": "127.0.0.1:1",
        "ASSIGNMENT_GRPC": "127.0.0.1:1",
        "PERMISSIONS_GRPC": "127.0.0.1:1",
        "HTTP_PORT": "0",
        "GRPC_PORT": "0",
        "PATH": str(BIN),
    }
    done = subprocess.run(
        [sys.executable, "-m", package, "asyncapi"],
        env=environment, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_service_reads_exactly_what_its_rights_list(service, asyncapi):
    subjects = {channel["address"] for channel in asyncapi["channels"].values()}
    allowed = {
        f"leadchain.{stream.lower()}.v1.{event}.*"
        for stream, events in RIGHTS[service]["consumes"].items()
        for event in events
    }
    assert {subject.removesuffix(":_NeverCalled") for subject in subjects} == allowed


def test_every_event_that_is_read_is_published_and_documented():
    published = {}
    for path in (ROOT / "proto/leadchain").glob("*/v1/*events.proto"):
        stream = path.parts[-3].upper()
        published[stream] = published.get(stream, "") + path.read_text()
    document = (ROOT / "docs/events.md").read_text()
    for row in RIGHTS.values():
        for stream, events in row["consumes"].items():
            owner = next(s for s, r in RIGHTS.items() if stream in r["publishes"])
            package = owner.replace("-", "_")
            source = "".join(
                path.read_text() for path in (ROOT / f"services/{owner}/{package}").rglob("*.py")
            )
            for event in events:
                assert f"message {event} {{" in published[stream]
                assert f"{event}(" in source, f"{owner} never makes {event}"
                assert f"### {event}" in document


def test_an_event_of_the_released_contract_is_understood_today():
    files = descriptor_pb2.FileDescriptorSet.FromString(
        (ROOT / "tests/contract/baseline.binpb").read_bytes()
    )
    released = message_factory.GetMessages(list(files.file), pool=None)
    for name, message_class in released.items():
        if (
            not name.startswith("leadchain.")
            or "event_id" not in message_class.DESCRIPTOR.fields_by_name
        ):
            continue
        module = __import__(
            message_class.DESCRIPTOR.file.name.replace("/", ".").removesuffix(".proto") + "_pb2",
            fromlist=[message_class.DESCRIPTOR.name],
        )
        today = getattr(module, message_class.DESCRIPTOR.name)
        old = filled(message_class())
        assert json_format.MessageToDict(
            today.FromString(old.SerializeToString())
        ) == json_format.MessageToDict(old)


def filled(message):
    """A message with every plain field set."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated or field.message_type is not None:
            continue
        if field.type == field.TYPE_STRING:
            setattr(message, field.name, field.name)
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, b"\x01")
        elif field.type == field.TYPE_BOOL:
            setattr(message, field.name, True)
        else:
            setattr(message, field.name, 1)
    return message
