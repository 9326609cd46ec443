"""What the log says of deliveries, and what it never says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _pytest.capture import CaptureFixture


async def test_the_access_token_appears_nowhere(
    intake: Any, samples: Any, capsys: CaptureFixture[str]
) -> None:
    intake.graph.fail(500, count=1)

    await intake.post_page(samples.page_event("81"))

    await intake.settled(1)
    rows = await intake.rows.fetch("select * from items")
    output = "".join(capsys.readouterr()) + str(rows)
    assert samples.access_token not in output


async def test_nothing_personal_is_written_to_the_log(
    intake: Any, samples: Any, capsys: CaptureFixture[str]
) -> None:
    await intake.accepted_form(samples.form())
    await intake.accepted_form(b'{"fields": {"mobile": "13800138004 and more"}}')

    await intake.settled(2)
    output = "".join(capsys.readouterr())
    assert "13800138004" not in output
    assert "赵六" not in output
    assert "示例精密" not in output
