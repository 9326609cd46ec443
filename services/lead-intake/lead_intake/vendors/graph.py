"""Facebook's Graph API: the body of a lead by its id, the leads of a form, and who is subscribed to what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from lead_intake.domain.silence_subscriptions import AppSubscription, PageSubscription
from lead_intake.vendors.calls import PAGE, THROTTLED_S, VendorCalls, VendorFailed, document_of
from lead_intake.vendors.pulling import PAGES_MAX, PulledLead, Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from servicekit.http_calls import Answer

    from lead_intake.accounts import Secrets

PAGE_SIZE = 500
LEAD_FIELDS = (
    "id,created_time,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,field_data"
)
"""What a lead is asked for; without this list the API leaves out where it comes from."""
THROTTLING_CODES = frozenset({4, 17, 32, 613, 80000, 80001, 80002, 80003, 80004, 80005, 80006})
"""Error codes of a limit that was reached; 80005 is the one for leads."""

PERMANENT_CODES = frozenset({10, 100, 102, 190, *range(200, 300)})
"""Error codes that waiting does not mend: a token that expired, a right that is missing, a form that is gone."""


class FetchFailed(Exception):  # noqa: N818 - errors are named by what is wrong
    """A body could not be had; the text is a short code that holds nothing of the request."""


class GraphApi:
    """The API at `base_url`. A part of a service: `start` opens the connection pool."""

    name = "graph api"
    window_max = timedelta(days=90)

    def __init__(self, base_url: str, *, connections_max: int) -> None:
        self._calls = VendorCalls(base_url, connections_max=connections_max)

    async def start(self) -> None:
        """Opens the pool."""
        await self._calls.start()

    async def stop(self) -> None:
        """Closes the pool."""
        await self._calls.stop()

    def problem(self) -> str | None:
        """Why nothing can be fetched; an API that is away is no problem of this service."""
        return None if self._calls.is_open else "not started"

    async def lead(self, leadgen_id: str, *, access_token: str) -> Any:
        """The decoded body of one lead; raises `FetchFailed` after 5 s at the latest."""
        if not access_token:
            raise FetchFailed("no access token")
        try:
            answer = await self._calls.get(
                f"/{quote(leadgen_id, safe='')}",
                "/{leadgen_id}",
                params={"access_token": access_token, "fields": LEAD_FIELDS},
            )
            if answer.status != 200:
                raise FetchFailed(f"status {answer.status}")
            return document_of(answer)
        except VendorFailed as failure:
            raise FetchFailed(failure.code) from None

    def can_pull(self, secrets: Secrets) -> bool:
        """Whether an account holds a token and names its forms."""
        return bool(secrets.access_token and secrets.settings.get("form_ids"))

    async def pages(self, secrets: Secrets, window: Window) -> AsyncIterator[list[PulledLead]]:
        """The leads of every form of an account, a page at a time; raises `VendorFailed`."""
        for form_id in secrets.settings["form_ids"].split(","):
            async for page in self._form_pages(form_id.strip(), secrets, window):
                yield page

    async def subscriptions(self, secrets: Secrets) -> list[AppSubscription]:
        """What the account's app is subscribed to; raises `VendorFailed`."""
        app_id = secrets.settings["app_id"]
        data = await self._list(
            f"/{quote(app_id, safe='')}/subscriptions",
            "/{app_id}/subscriptions",
            {"access_token": f"{app_id}|{secrets.signing[0]}"},
        )
        return [_app_subscription(each) for each in data]

    async def subscribed_apps(self, secrets: Secrets) -> list[PageSubscription]:
        """The apps that the account's page is subscribed by; raises `VendorFailed`."""
        data = await self._list(
            f"/{quote(secrets.settings['page_id'], safe='')}/subscribed_apps",
            "/{page_id}/subscribed_apps",
            {"access_token": secrets.access_token},
        )
        return [
            PageSubscription(str(each.get("id", "")), frozenset(each.get("subscribed_fields", ())))
            for each in data
        ]

    async def _form_pages(
        self, form_id: str, secrets: Secrets, window: Window
    ) -> AsyncIterator[list[PulledLead]]:
        page_id = secrets.settings.get("page_id", "")
        params = _page_params(secrets.access_token, window)
        for _ in range(PAGES_MAX):
            path = f"/{quote(form_id, safe='')}/leads"
            answer = await self._calls.get(path, "/{form_id}/leads", params=params, bounds=PAGE)
            document = _checked(answer)
            yield [_as_pushed(row, form_id, page_id) for row in _rows(document)]
            after = _next_page(document)
            if not after:
                return
            # The address of the next page is ours; only its cursor is taken from the answer.
            params = {**params, "after": after}
        raise VendorFailed("graph_endless")

    async def _list(self, path: str, template: str, params: Mapping[str, str]) -> list[Any]:
        return _rows(_checked(await self._calls.get(path, template, params=params)))


def _page_params(access_token: str, window: Window) -> dict[str, str]:
    # The ends are excluded there.
    limits = (
        ("GREATER_THAN", int(window.since.timestamp()) - 1),
        ("LESS_THAN", int(window.until.timestamp()) + 1),
    )
    filtering = [
        {"field": "time_created", "operator": operator, "value": value}
        for operator, value in limits
    ]
    return {
        "access_token": access_token,
        "fields": "id,created_time,ad_id,form_id",
        "filtering": msgspec.json.encode(filtering).decode(),
        "limit": str(PAGE_SIZE),
    }


def _checked(answer: Answer) -> dict[str, Any]:
    """The document of an answer; raises `VendorFailed` with Facebook's own code."""
    if answer.status == 429:
        raise VendorFailed("status 429", retry_after_s=answer.retry_after_s)
    if answer.status >= 500:
        raise VendorFailed(f"status {answer.status}")
    document = document_of(answer)
    error = document.get("error") if isinstance(document, dict) else {}
    if error is None and answer.status == 200:
        found: dict[str, Any] = document
        return found
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int):
        raise VendorFailed(f"status {answer.status}")
    if code in THROTTLING_CODES:
        raise VendorFailed(f"graph_{code}", retry_after_s=THROTTLED_S)
    raise VendorFailed(f"graph_{code}", is_permanent=code in PERMANENT_CODES)


def _rows(document: Mapping[str, Any]) -> list[Any]:
    rows = document.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorFailed("graph_shape")
    return rows


def _next_page(document: Mapping[str, Any]) -> str:
    paging = document.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    return str(cursors.get("after", "")) if isinstance(cursors, dict) else ""


def _as_pushed(row: Mapping[str, Any], form_id: str, page_id: str) -> PulledLead:
    """A listed lead in the form of the event that should have told of it."""
    leadgen_id = str(row.get("id", ""))
    value = {"leadgen_id": leadgen_id, "form_id": form_id, "page_id": page_id}
    if row.get("ad_id"):
        value["ad_id"] = str(row["ad_id"])
    change = {"field": "leadgen", "value": value}
    event = {"object": "page", "entry": [{"id": page_id, "changes": [change]}]}
    return PulledLead(leadgen_id, msgspec.json.encode(event))


def _app_subscription(row: Mapping[str, Any]) -> AppSubscription:
    fields = row.get("fields") or ()
    return AppSubscription(
        kind=str(row.get("object", "")),
        callback_url=str(row.get("callback_url", "")),
        is_active=bool(row.get("active")),
        fields=frozenset(
            str(field.get("name", "")) if isinstance(field, dict) else str(field)
            for field in fields
        ),
    )
