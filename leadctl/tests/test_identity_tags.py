"""`leadctl identity tags` against a service that says what a test wants."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from leadchain.identity.v1 import tags_service_pb2 as pb
from leadchain.identity.v1 import tags_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import Invalid
from typer.testing import Result

GOLDEN = "a" * 64


class _Tags(pb_grpc.TagsServiceServicer):
    def __init__(self):
        self.asked = []

    async def CreateTag(self, request, _context):
        self.asked.append(request)
        if "难搞" in request.tag.name:
            raise Invalid("the name is an opinion; name the fact behind it")
        return pb.CreateTagResponse(tag=request.tag)

    async def AddSynonym(self, request, _context):
        self.asked.append(request)
        return pb.AddSynonymResponse(renamed_count=17)

    async def RetireTag(self, request, _context):
        self.asked.append(request)
        return pb.RetireTagResponse()

    async def ListTags(self, request, _context):
        self.asked.append(request)
        tag = pb.Tag(
            name="外卖活跃", kind=pb.TAG_KIND_COMPUTED, rule="7 天内 3 单", source="wechat_pay"
        )
        tag.synonyms.append("活跃")
        tag.customer_count = 42
        return pb.ListTagsResponse(tags=[tag])

    async def TagCustomer(self, request, _context):
        self.asked.append(request)
        return pb.TagCustomerResponse(replaced="消费力_低")

    async def UntagCustomer(self, request, _context):
        self.asked.append(request)
        return pb.UntagCustomerResponse()

    async def GetCustomerTags(self, request, _context):
        self.asked.append(request)
        tag = pb.CustomerTag(tag="外卖活跃", rule="7 天内 3 单", evidence="payment_count=4")
        return pb.GetCustomerTagsResponse(tags=[tag])

    async def FindCustomers(self, request, _context):
        self.asked.append(request)
        customer = pb.FoundCustomer(golden_id=GOLDEN, master_id="CID-20260207-000001")
        return pb.FindCustomersResponse(customers=[customer], next_page_token="7")


@dataclass
class Installation:
    """The service of tags, and commands that ask it."""

    served: Served
    tags: _Tags = field(default_factory=_Tags)

    def run(self, *command: str) -> Result:
        """What a command of tags does."""
        options = self.served.options("identity")
        return CliRunner().invoke(app, ["identity", "tags", *command, *options])


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    tags = _Tags()
    add = pb_grpc.add_TagsServiceServicer_to_server
    folder = tmp_path_factory.mktemp("installation")
    with serving(folder, (add, tags, "leadchain.identity.v1.TagsService")) as served:
        yield Installation(served, tags)


def test_a_computed_tag_is_made_with_its_rule(there: Installation) -> None:
    done = there.run(
        "create", "外卖活跃", "--rule", "7 天内 3 单", "--source", "wechat_pay",
        "--metric", "payments", "--within-days", "7", "--at-least", "3",
    )  # fmt: skip

    asked = there.tags.asked[-1].tag
    assert (done.exit_code, "7 天内 3 单" in done.output) == (0, True)
    assert (asked.kind, asked.computed_by.metric) == (2, pb.TAG_METRIC_PAYMENT_COUNT)
    assert (asked.computed_by.within_days, asked.computed_by.at_least) == (7, 3)


def test_a_refusal_is_one_line_and_exit_code_1(there: Installation) -> None:
    done = there.run("create", "难搞", "--rule", "r", "--source", "s")

    assert done.exit_code == 1
    assert "opinion" in done.output


def test_an_unknown_metric_is_a_usage_error(there: Installation) -> None:
    done = there.run("create", "x", "--rule", "r", "--source", "s", "--metric", "smiles")

    assert done.exit_code == 2


def test_tags_are_listed_with_their_other_words(there: Installation) -> None:
    done = there.run("list")

    assert done.exit_code == 0
    for shown in ("外卖活跃", "= 活跃", "42", "wechat_pay", "7 天内 3 单"):
        assert shown in done.output


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["synonym", "消费力_高", "高消费"], "17 customers renamed"),
        (["add", GOLDEN, "消费力_高", "--evidence", "C-1"], "in place of 消费力_低"),
        (["of", GOLDEN], "payment_count=4"),
        (["find", "外卖活跃", "连锁"], "CID-20260207-000001"),
        (["retire", "消费力_高"], ""),
        (["remove", GOLDEN, "消费力_高"], ""),
    ],
    ids=["synonym", "add", "of", "find", "retire", "remove"],
)
def test_a_command_says_what_became_of_it(
    there: Installation, command: list[str], expected: str
) -> None:
    done = there.run(*command)

    assert done.exit_code == 0
    assert expected in done.output


def test_programs_get_json(there: Installation) -> None:
    done = there.run("find", "外卖活跃", "--without", "已闭店", "--page-size", "5", "--json")

    content = json.loads(done.output)
    assert content["next_page_token"] == "7"
    assert list(there.tags.asked[-1].none_of) == ["已闭店"]
