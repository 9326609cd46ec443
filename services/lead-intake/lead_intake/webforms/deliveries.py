"""A filled form as a delivery of its account: the body that a site's own code would send, sealed and stored once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uuid_utils

from lead_intake.store.deliveries import Arrival
from lead_intake.verifiers.protocol import Envelope

if TYPE_CHECKING:
    from lead_intake.domain.forms import Form, FormVersion
    from lead_intake.seals import Seals
    from lead_intake.webforms.render_tokens import Render

TRAP_LENGTH_MAX: Final = 100
WITHOUT_TOKEN_S: Final = 600
"""Equal posts without a token within so many seconds are one: a double click, not a second inquiry."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A form as it was filled in; `page` is where the visitor is and where they came from."""

    form: Form
    version: FormVersion
    fields: dict[str, Any] = field(repr=False)
    page: tuple[str, str] = field(repr=False)
    trap: str = field(default="", repr=False)
    render: Render | None = None

    def open_s(self, now_s: float) -> float | None:
        """Seconds since the page was rendered; None where that is not known."""
        return None if self.render is None else max(0.0, now_s - self.render.rendered_at_s)

    def is_too_fast(self, now_s: float) -> bool:
        """Whether it was filled in faster than a person can."""
        open_s = self.open_s(now_s)
        return open_s is not None and open_s < self.version.document.min_fill_s


def arrival_of(filling: Filling, seals: Seals, *, now_s: float, traceparent: str) -> Arrival:
    """The delivery to store; its key makes two posts of one rendering with the same fields one."""
    delivery_id = uuid_utils.uuid7()
    body = msgspec.json.encode(body_of(filling, now_s=now_s))
    envelope = Envelope(
        body=body,
        content_type="application/json",
        source="form",
        client_version=str(filling.version.version),
    )
    render = filling.render
    once = render.token_id if render else str(int(now_s / WITHOUT_TOKEN_S))
    said = msgspec.json.encode(filling.fields, order="sorted")
    return Arrival(
        delivery_id,  # type: ignore[arg-type]  # has what the driver reads, without a conversion
        filling.form.account_id,
        seals.body_key(b"form/" + once.encode() + b"/" + said),
        seals.seal_delivery(envelope, delivery_id.bytes),
        traceparent,
    )


def body_of(filling: Filling, *, now_s: float) -> dict[str, Any]:
    """The body of channel `website_form` that says what the visitor said."""
    document = filling.version.document
    url, referrer = filling.page
    body: dict[str, Any] = {
        "fields": filling.fields,
        "page": {"url": url, "referrer": referrer},
        "first_action": document.first_action,
        "consent": {
            "notice_version": document.notice.version,
            "purposes": list(document.notice.purposes),
            "checked_at": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
        },
        "hp": filling.trap[:TRAP_LENGTH_MAX],
        "form_version": filling.version.version,
    }
    open_s = filling.open_s(now_s)
    if open_s is not None:
        body["t_open_ms"] = round(open_s * 1000)
    if filling.is_too_fast(now_s):
        body["too_fast"] = True
    return body
