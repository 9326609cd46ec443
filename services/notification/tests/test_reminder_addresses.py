"""Where reminders may go: web addresses, keys, mailboxes, numbers and the accounts they are sent from."""

import base64

import pytest
from notification.domain.addresses import (
    Account,
    Address,
    BadAccount,
    BadAddress,
    BadSecret,
    UnsafeUrl,
    checked_account,
    checked_address,
    checked_url,
    is_public,
    parsed_secret,
)
from notification.domain.media import Medium

WECOM = {"corp_id": "ww1", "agent_id": "1000002", "secret": "s"}


@pytest.mark.parametrize(
    "url",
    [
        "https://reminders.example/in",
        "https://reminders.example:8443/in?team=a",
        "https://10.1.2.3/in",
        "https://[2001:db8::1]/in",
    ],
)
def test_reminders_may_be_posted_to_https(url: str) -> None:
    assert checked_url(url, allow_loopback_http=False) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/in", "http://localhost/in"])
def test_plain_http_goes_to_this_machine_where_that_is_allowed(url: str) -> None:
    assert checked_url(url, allow_loopback_http=True) == url
    with pytest.raises(UnsafeUrl):
        checked_url(url, allow_loopback_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://reminders.example/in",
        "https://127.0.0.1/in",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://user:word@reminders.example/",
        "https://reminders.example/#part",
        "ftp://reminders.example/",
        "https:///in",
        "https://reminders.example:port/",
        "https://reminders.example/in now",
        "https://[::1",
        "https://reminders.example/" + "x" * 2000,
    ],
)
def test_unsafe_addresses_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnsafeUrl) as refused:
        checked_url(url, allow_loopback_http=False)

    assert url not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "public"),
    [("192.0.2.1", True), ("127.0.0.1", False), ("169.254.0.1", False), ("::", False)],
)
def test_an_address_that_a_name_leads_to_is_judged_too(host: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(host) is public


def test_a_secret_is_whsec_and_base64() -> None:
    key = bytes(range(32))

    assert parsed_secret("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_???", base64.b64encode(bytes(32)).decode()]
)
def test_a_bad_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadSecret) as refused:
        parsed_secret(text)

    assert not text or text not in str(refused.value) or text == "whsec_"


@pytest.mark.parametrize(
    "address",
    [
        Address(Medium.WECOM_APP, "zhangsan", account_id=""),
        Address(Medium.SMTP, "nobody", account_id="mail"),
        Address(Medium.SMTP, "a b@example.com", account_id="mail"),
        Address(Medium.ALIYUN_SMS, "13800138001", account_id="sms"),
        Address(Medium.ALIYUN_SMS, "+86138x", account_id="sms"),
        Address(Medium.FEISHU_BOT, ""),
        Address(Medium.WECHAT_MP, "open\nid", account_id="mp"),
    ],
    ids=["no-account", "no-at", "space", "no-plus", "letters", "empty", "line-feed"],
)
def test_an_address_that_its_medium_cannot_use_is_refused(address: Address) -> None:
    with pytest.raises(BadAddress) as refused:
        checked_address(address, allow_loopback_http=True)

    assert not address.to or address.to not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        Address(Medium.WECOM_APP, "zhangsan", account_id="wecom"),
        Address(Medium.SMTP, "rep@example.com", account_id="mail"),
        Address(Medium.ALIYUN_SMS, "+8613800138001", account_id="sms"),
        Address(Medium.DINGTALK_ROBOT, "https://oapi.example/robot/send?access_token=t"),
    ],
    ids=["wecom", "mail", "sms", "robot"],
)
def test_an_address_of_each_medium_is_taken(address: Address) -> None:
    assert checked_address(address, allow_loopback_http=False) is address


@pytest.mark.parametrize(
    ("medium", "url", "settings"),
    [
        (Medium.WECOM_APP, "https://qyapi.example", {"corp_id": "ww1"}),
        (Medium.WECOM_APP, "https://qyapi.example", {**WECOM, "extra": "x"}),
        (Medium.SMTP, "mail.example:25", {"from": "a@example.com"}),
        (Medium.SMTP, "smtp://mail.example:25", {"from": "a@example.com", "tls": "maybe"}),
        (Medium.WEBHOOK, "https://a.example", {}),
    ],
    ids=["missing", "unknown", "no-scheme", "odd-tls", "needs-none"],
)
def test_an_account_that_cannot_be_is_refused(
    medium: Medium, url: str, settings: dict[str, str]
) -> None:
    with pytest.raises(BadAccount):
        checked_account(Account("one", medium, url, settings), allow_loopback_http=True)


def test_mail_leaves_this_machine_encrypted_only() -> None:
    settings = {"from": "a@example.com", "tls": "none"}
    away = Account("mail", Medium.SMTP, "smtp://mail.example:25", settings)
    here = Account("mail", Medium.SMTP, "smtp://127.0.0.1:2525", settings)

    with pytest.raises(UnsafeUrl):
        checked_account(away, allow_loopback_http=True)
    assert checked_account(here, allow_loopback_http=True) is here
