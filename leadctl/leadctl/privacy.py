"""`leadctl privacy`: who is left alone, forgotten or told what is kept about them, and what was deleted.

A phone, an e-mail or a WeChat id is read from the terminal or from standard input, never from the command's arguments,
which a shell remembers and a process list shows.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.privacy_events_pb2 import SubjectRequestKind
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from rich.console import Console

    from leadctl.clients import Services

PAGE_SIZE = 1000
ENTRIES_SHOWN_MAX = 10_000

privacy_app = typer.Typer(
    help="Consent, suppression, erasure, export, retention.", no_args_is_help=True
)


class By(StrEnum):
    """How a person is named."""

    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"
    LEAD = "lead"


class Purpose(StrEnum):
    """For what somebody is left alone."""

    MARKETING = "marketing"
    CONTACT = "contact"
    ALL = "all"


NamedBy = Annotated[By, typer.Option("--by", help="How the person is named.")]
Lead = Annotated[UUID | None, typer.Option("--lead", help="One of the person's leads.")]
Why = Annotated[str, typer.Option("--reason", help="A code or a ticket's number.")]
For = Annotated[Purpose, typer.Option("--for", help="For what.")]
RequestId = Annotated[UUID, typer.Argument(help="Id of the request.")]


@privacy_app.command()
def suppress(  # noqa: PLR0913 - each is an argument of the command
    reason: Why,
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    purpose: For = Purpose.ALL,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let nothing of a person in for a purpose any more. May be repeated."""
    request = pb.SuppressRequest(
        subjects=[_subject(by, lead)], purpose=_purpose(purpose), reason=reason
    )
    answer = _ask("Suppress", request, target, token_file)
    present(answer, lambda console, it: console.print(f"{it.added_count} added"), as_json=as_json)


@privacy_app.command()
def unsuppress(  # noqa: PLR0913 - each is an argument of the command
    reason: Why,
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    purpose: For = Purpose.ALL,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take a person off the suppression list. May be repeated."""
    request = pb.UnsuppressRequest(
        subjects=[_subject(by, lead)], purpose=_purpose(purpose), reason=reason
    )
    answer = _ask("Unsuppress", request, target, token_file)
    present(answer, lambda console, it: console.print(f"{it.lifted_count} lifted"), as_json=as_json)


@privacy_app.command()
def suppressions(
    target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """The suppression list, newest change first, at most 10,000 entries; it names nobody."""
    answer = run(services(target, token_file), _suppressions)
    present(answer, _render_suppressions, as_json=as_json)


@privacy_app.command()
def erase(
    reason: Why,
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Have a person forgotten by every service, and suppressed; prints the request's id."""
    request = pb.RequestErasureRequest(subject=_subject(by, lead), reason=reason)
    answer = _ask("RequestErasure", request, target, token_file)
    present(answer, lambda console, it: console.print(it.request_id), as_json=as_json)


@privacy_app.command()
def export(
    reason: Why,
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Have what is kept about a person gathered; prints the request's id."""
    request = pb.RequestExportRequest(subject=_subject(by, lead), reason=reason)
    answer = _ask("RequestExport", request, target, token_file)
    present(answer, lambda console, it: console.print(it.request_id), as_json=as_json)


@privacy_app.command("request")
def show(
    request_id: RequestId,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How far a request has come, and who has answered."""
    request = pb.GetSubjectRequestRequest(request_id=str(request_id))
    answer = _ask("GetSubjectRequest", request, target, token_file)
    present(answer, _render_request, as_json=as_json)


@privacy_app.command("requests")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """The newest requests."""
    answer = _ask("ListSubjectRequests", pb.ListSubjectRequestsRequest(), target, token_file)
    present(answer, _render_requests, as_json=as_json)


@privacy_app.command()
def download(
    request_id: RequestId,
    file: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Write a completed export of yours to a file only you may read. It can be had once."""
    with _private(file) as out:
        request = pb.DownloadExportRequest(request_id=str(request_id))
        try:
            answer = _ask("DownloadExport", request, target, token_file)
        except typer.Exit:
            file.unlink()
            raise
        out.write(answer.document)


@privacy_app.command()
def consents(
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What a person agreed to and withdrew, oldest first."""
    request = pb.ListConsentsRequest(subject=_subject(by, lead))
    answer = _ask("ListConsents", request, target, token_file)
    present(answer, _render_consents, as_json=as_json)


@privacy_app.command()
def withdraw(
    purpose: Annotated[list[str] | None, typer.Argument(help="These purposes; else all.")] = None,
    by: NamedBy = By.PHONE,
    lead: Lead = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write down that a person withdrew their consent."""
    request = pb.WithdrawConsentRequest(subject=_subject(by, lead), purposes=purpose or ())
    answer = _ask("WithdrawConsent", request, target, token_file)
    present(answer, lambda console, it: console.print(f"{it.ended_count} ended"), as_json=as_json)


@privacy_app.command()
def certificates(
    target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Certificates of what was deleted, newest first, the last 1,000."""
    request = pb.ListCertificatesRequest(page_size=PAGE_SIZE)
    answer = _ask("ListCertificates", request, target, token_file)
    present(answer, _render_certificates, as_json=as_json)


def _subject(by: By, lead: UUID | None) -> pb.Subject:
    """The person, whose phone, e-mail or WeChat id is asked for without an echo, or read from standard input."""
    if lead is not None or by is By.LEAD:
        if lead is None:
            raise typer.BadParameter("--by lead needs --lead")
        return pb.Subject(lead_id=str(lead))
    named = typer.prompt(by.value, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    match by:
        case By.PHONE:
            return pb.Subject(phone=named.strip())
        case By.EMAIL:
            return pb.Subject(email=named.strip())
        case _:
            return pb.Subject(wechat=named.strip())


def _purpose(purpose: Purpose) -> pb.SuppressionPurpose.ValueType:
    return pb.SuppressionPurpose.Value(f"SUPPRESSION_PURPOSE_{purpose.name}")


def _ask(rpc: str, request: Message, target: Targets, token_file: Token) -> Any:
    async def ask(known: Services) -> Any:
        from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub

        with known.asking("lead-intake") as channel:
            return await getattr(PrivacyServiceStub(channel), rpc)(request)

    return run(services(target, token_file), ask)


async def _suppressions(known: Services) -> pb.ListSuppressionsResponse:
    from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub

    found = pb.ListSuppressionsResponse()
    request = pb.ListSuppressionsRequest(page_size=PAGE_SIZE)
    with known.asking("lead-intake") as channel:
        stub = PrivacyServiceStub(channel)
        while len(found.suppressions) < ENTRIES_SHOWN_MAX:
            page = await stub.ListSuppressions(request)
            found.suppressions.extend(page.suppressions)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    return found


def _private(file: Path) -> Any:
    """A new file that nobody else may read; raises `BadParameter` when it exists."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise typer.BadParameter(f"{file} exists") from None
    return file.open("wb")


def _render_suppressions(console: Console, answer: pb.ListSuppressionsResponse) -> None:
    table = plain_table("index", "kind", "for", "reason", "by", "since", "lifted")
    for each in answer.suppressions:
        table.add_row(
            each.index[:16],
            each.kind,
            _word(pb.SuppressionPurpose.Name(each.purpose)),
            escape(each.reason),
            escape(each.suppressed_by),
            moment(each.suppressed_at),
            moment(each.lifted_at) if each.HasField("lifted_at") else "",
        )
    console.print(table if answer.suppressions else "nobody is on the list")


def _render_request(console: Console, answer: pb.GetSubjectRequestResponse) -> None:
    request = answer.request
    console.print(_line(request))
    table = plain_table("service", "answered", "records", "kept", numbers=("records",))
    for each in answer.answers:
        table.add_row(
            each.service,
            moment(each.answered_at) if each.is_complete else "not yet",
            str(each.record_count),
            escape("; ".join(each.holds)),
        )
    console.print(table)


def _render_requests(console: Console, answer: pb.ListSubjectRequestsResponse) -> None:
    for request in answer.requests:
        console.print(_line(request))
    if not answer.requests:
        console.print("no requests")


def _render_consents(console: Console, answer: pb.ListConsentsResponse) -> None:
    table = plain_table("recorded", "what", "purposes", "notice", "basis", "lead")
    for each in answer.consents:
        table.add_row(
            moment(each.recorded_at),
            "withdrawn" if each.is_withdrawal else "given",
            escape(", ".join(each.purposes) or "all"),
            escape(each.notice_version),
            escape(each.basis),
            each.lead_id,
        )
    console.print(table if answer.consents else "no consent is on record")


def _render_certificates(console: Console, answer: pb.ListCertificatesResponse) -> None:
    table = plain_table(
        "run", "class", "deleted", "oldest", "newest", "digest", numbers=("deleted",)
    )
    for each in answer.certificates:
        table.add_row(
            each.run,
            each.data_class,
            str(each.deleted_count),
            moment(each.oldest_at),
            moment(each.newest_at),
            each.digest[:16],
        )
    console.print(table if answer.certificates else "nothing was deleted")


def _line(request: pb.SubjectRequest) -> str:
    kind = _word(SubjectRequestKind.Name(request.kind))
    state = _word(pb.SubjectRequestState.Name(request.state))
    late = ", overdue" if request.is_overdue else ""
    ready = ", to be downloaded" if request.is_downloadable else ""
    return (
        f"{request.request_id}  {kind} {state}{late}{ready}, {request.lead_count} leads,"
        f" {moment(request.requested_at)} by {escape(request.requested_by)}"
    )


def _word(name: str) -> str:
    """The last word of an enum's name, in lower case."""
    return name.rpartition("_")[2].lower()
