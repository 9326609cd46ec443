"""`leadctl channels` against a service that says what a test wants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.intake.v1 import channels_service_pb2 as pb
from leadchain.intake.v1 import channels_service_pb2_grpc as pb_grpc
from leadchain.intake.v1 import events_pb2
from leadctl.channels import channels_app
from leadctl.testing import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@dataclass
class _Channels(pb_grpc.ChannelsServiceServicer):
    """Has one channel with a template, whose sample is not read as it says; remembers what it is asked."""

    asked: list[Any] = field(default_factory=list)

    async def ListChannels(self, _request, _context):
        channel = pb.Channel(
            channel="baidu_jimuyu",
            title="百度",
            trust=events_pb2.TRUST_WEAK,
            verify_kind="shared_token",
            facts="lead",
            templates=[pb.Template(template="baidu_chat")],
            accounts=[
                pb.AccountCoverage(account="main", accepted_count=9, quarantined_count=1),
                pb.AccountCoverage(account="quiet"),
            ],
        )
        return pb.ListChannelsResponse(channels=[channel])

    async def TestMapping(self, request, _context):
        self.asked.append(request)
        value = pb.TestedValue(name="phone_e164", value="138****8001")
        read = pb.TestedItem(state="accepted", external_id="7", values=[value])
        unread = pb.TestedItem(state="quarantined", reason="no_contact_point", detail="contact")
        answer = pb.TestMappingResponse(mapping_version=3)
        if request.template:
            answer.bodies.add(name="a chat", items=[read], differences=["state is 'x'"])
        for body in request.bodies:
            answer.bodies.add(items=[unread if b"nobody" in body else read], unread_keys=["extra"])
        if not answer.bodies:
            answer.bodies.add(name="a form", items=[read])
            answer.bodies.add(name="an order")
        return answer


@dataclass
class Installation:
    """A lead-intake with channels, and commands that ask it."""

    served: Served
    channels: _Channels

    def run(self, *command: str) -> Result:
        """The command's end."""
        return self.served.run(channels_app, *command)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    channels = _Channels()
    add = pb_grpc.add_ChannelsServiceServicer_to_server
    with serving(tmp_path, (add, channels, "leadchain.intake.v1.ChannelsService")) as served:
        yield Installation(served, channels)


def test_list_shows_trust_and_the_worst_share_of_what_was_understood(there: Installation) -> None:
    shown = there.run("list")

    assert shown.exit_code == 0
    row = next(line for line in shown.output.splitlines() if line.startswith("baidu_jimuyu "))
    assert "weak" in row
    assert "90.0%" in row
    assert "baidu_jimuyu/main: 1 items are not understood" in shown.output
    assert "quiet:" not in shown.output


def test_list_as_json_has_the_names_of_the_contract(there: Installation) -> None:
    shown = json.loads(there.run("list", "--json").output)

    assert shown["channels"][0]["accounts"][0]["accepted_count"] == 9


def test_bodies_of_files_are_tried_and_one_that_is_not_read_exits_with_1(
    there: Installation, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"mobile": "x"}')
    bad.write_text('{"nobody": 1}')

    one = there.run("test", "baidu_jimuyu", str(good), "--account", "main", "--fetched")
    both = there.run("test", "baidu_jimuyu", str(good), str(bad))

    assert (one.exit_code, both.exit_code) == (0, 1)
    assert "phone_e164: 138****8001" in one.output
    assert "nothing reads: extra" in one.output
    assert "quarantined" in both.output
    assert "bad.json" in both.output
    asked = there.channels.asked[0]
    assert (asked.account, asked.are_fetched, list(asked.bodies)) == (
        "main",
        True,
        [good.read_bytes()],
    )


def test_shipped_samples_are_tried_without_files_and_differences_exit_with_1(
    there: Installation,
) -> None:
    channel = there.run("test", "baidu_jimuyu")
    template = there.run("test", "baidu_jimuyu", "--template", "baidu_chat")

    assert (channel.exit_code, template.exit_code) == (0, 1)
    assert "ignored" in channel.output
    assert "state is 'x'" in template.output


def test_without_a_channel_every_channel_and_template_is_tried(there: Installation) -> None:
    shown = there.run("test")
    data = json.loads(there.run("test", "--json").output)

    assert shown.exit_code == 1
    assert [each["name"] for each in data] == ["baidu_jimuyu", "baidu_chat"]
    row = next(line for line in shown.output.splitlines() if line.startswith("baidu_chat"))
    assert "a chat" in row


def test_a_file_that_is_not_there_exits_with_2(there: Installation) -> None:
    assert there.run("test", "baidu_jimuyu", "no-such-file").exit_code == 2
