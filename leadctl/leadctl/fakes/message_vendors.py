"""Stand-ins for the providers of messages: WeCom, DingTalk, Feishu, WeChat and Aliyun SMS on one address.

Each answers as its provider documents it: refusals come with status 200 and a code, signatures and tokens are checked,
a robot says twenty things a minute, tokens end. What was taken is in `messages`, with the links that people would open.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from servicekit.http_host import read_body, send_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from servicekit.http_host import Receive, Scope, Send

BODY_BYTES_MAX = 64 * 1024
JSON = (b"content-type", b"application/json")
ROBOT_MESSAGES_PER_MIN = 20
TOKEN_LASTS_S = 7200
TOLERANCE_S = 3600
LINK = re.compile(r"https?://[^\s\"'<>)\\]+")

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Message:
    """One message that a provider took. `key` is what its provider tells two sendings of it apart by; else empty."""

    vendor: str
    to: str
    text: str
    links: tuple[str, ...]
    key: str
    at_s: float


@dataclass
class MessageVendors:
    """The providers as one ASGI application.

    `refusals` are the codes with which the next messages to a vendor (wecom_app, wecom_bot, dingtalk_robot, feishu_bot,
    wechat_mp, aliyun_sms) are refused. Every answer waits `delay_s`. `strangers` are users, openids and numbers that
    nobody knows. `secret` signs for robots and Aliyun, and is every application's. `clock_s` gives Unix time.
    """

    secret: str = "vendor-secret"  # noqa: S105 - of a stand-in
    delay_s: float = 0.0
    strangers: set[str] = field(default_factory=set)
    refusals: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    messages: list[Message] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    tokens_given: int = 0
    clock_s: Callable[[], float] = time.time
    _token: str = ""
    _said_at_s: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call."""
        body = await read_body(receive, BODY_BYTES_MAX)
        query = dict(parse_qsl(scope.get("query_string", b"").decode(), keep_blank_values=True))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        status, document = self._answer(scope, query, body)
        await send_answer(send, status, json.dumps(document).encode(), [JSON])

    def taken(self, vendor: str) -> list[Message]:
        """What a vendor took, oldest first."""
        return [message for message in self.messages if message.vendor == vendor]

    def expire_tokens(self) -> None:
        """Makes every access token void that was given so far."""
        self._token = ""

    def _answer(self, scope: Scope, query: Mapping[str, str], body: bytes) -> Answer:
        path: str = scope["path"]
        if path == "/":
            return self._sms(scope, query)
        if path in {"/cgi-bin/gettoken", "/cgi-bin/token"}:
            return self._give_token(query)
        if path.startswith("/open-apis/bot/v2/hook/"):
            return self._feishu(path.rpartition("/")[2], json.loads(body))
        vendors = {
            "/cgi-bin/message/send": self._wecom_app,
            "/cgi-bin/webhook/send": self._wecom_bot,
            "/cgi-bin/message/template/send": self._wechat,
            "/robot/send": self._dingtalk,
        }
        answer = vendors.get(path)
        return answer(query, json.loads(body)) if answer else (404, {})

    def _give_token(self, query: Mapping[str, str]) -> Answer:
        if query.get("corpsecret", query.get("secret")) != self.secret:
            return 200, {"errcode": 40001, "errmsg": "invalid credential"}
        self.tokens_given += 1
        self._token = f"token-{self.tokens_given}"
        return 200, {
            "errcode": 0,
            "errmsg": "ok",
            "access_token": self._token,
            "expires_in": TOKEN_LASTS_S,
        }

    def _wecom_app(self, query: Mapping[str, str], said: dict[str, Any]) -> Answer:
        code = self._refusal("wecom_app") or self._token_problem(query)
        if code:
            return self._refused("wecom_app", code)
        if said["touser"] in self.strangers:
            self.refused["wecom_app"] += 1
            return 200, {"errcode": 0, "errmsg": "ok", "invaliduser": said["touser"]}
        content = said[said["msgtype"]]
        key = json.dumps(content, sort_keys=True) if said.get("enable_duplicate_check") else ""
        self._keep("wecom_app", said["touser"], json.dumps(content, ensure_ascii=False), key)
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": f"wecom-{len(self.messages)}"}

    def _wecom_bot(self, query: Mapping[str, str], said: dict[str, Any]) -> Answer:
        robot = query.get("key", "")
        code = self._refusal("wecom_bot") or (93000 if robot in self.strangers else 0)
        code = code or self._throttled(f"wecom:{robot}", 45009)
        if code:
            return self._refused("wecom_bot", code)
        self._keep("wecom_bot", robot, said["markdown"]["content"])
        return 200, {"errcode": 0, "errmsg": "ok"}

    def _dingtalk(self, query: Mapping[str, str], said: dict[str, Any]) -> Answer:
        robot = query.get("access_token", "")
        code = self._refusal("dingtalk_robot") or (300001 if robot in self.strangers else 0)
        code = code or (0 if self._is_dingtalk_signed(query) else 310000)
        code = code or self._throttled(f"dingtalk:{robot}", 130101)
        if code:
            return self._refused("dingtalk_robot", code)
        self._keep("dingtalk_robot", robot, said["markdown"]["text"])
        return 200, {"errcode": 0, "errmsg": "ok"}

    def _feishu(self, robot: str, said: dict[str, Any]) -> Answer:
        code = self._refusal("feishu_bot") or (19001 if robot in self.strangers else 0)
        code = code or (0 if self._is_feishu_signed(said) else 19021)
        code = code or self._throttled(f"feishu:{robot}", 11232)
        if code:
            self.refused["feishu_bot"] += 1
            return 200, {"code": code, "msg": "refused", "data": {}}
        self._keep("feishu_bot", robot, json.dumps(said["content"], ensure_ascii=False))
        return 200, {"code": 0, "msg": "success", "data": {}}

    def _wechat(self, query: Mapping[str, str], said: dict[str, Any]) -> Answer:
        code = self._refusal("wechat_mp") or self._token_problem(query)
        code = code or (43004 if said["touser"] in self.strangers else 0)
        if code:
            return self._refused("wechat_mp", code)
        text = json.dumps({**said["data"], "url": said["url"]}, ensure_ascii=False)
        self._keep("wechat_mp", said["touser"], text, said["client_msg_id"])
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": len(self.messages)}

    def _sms(self, scope: Scope, query: Mapping[str, str]) -> Answer:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if not self._is_aliyun_signed(headers, query):
            self.refused["aliyun_sms"] += 1
            return 400, {"Code": "SignatureDoesNotMatch", "Message": "refused"}
        number = query["PhoneNumbers"]
        code = self._refusal("aliyun_sms")
        code = code or ("isv.MOBILE_NUMBER_ILLEGAL" if number in self.strangers else "")
        if code:
            self.refused["aliyun_sms"] += 1
            return 200, {"Code": code, "Message": "refused"}
        self._keep("aliyun_sms", number, query["TemplateParam"], query["OutId"])
        return 200, {"Code": "OK", "Message": "OK", "BizId": f"biz-{len(self.messages)}"}

    def _refusal(self, vendor: str) -> Any:
        waiting = self.refusals[vendor]
        return waiting.pop(0) if waiting else 0

    def _refused(self, vendor: str, code: int) -> Answer:
        self.refused[vendor] += 1
        return 200, {"errcode": code, "errmsg": "refused"}

    def _token_problem(self, query: Mapping[str, str]) -> int:
        given = query.get("access_token", "")
        if given == self._token and given:
            return 0
        return 42001 if given.startswith("token-") else 40014

    def _throttled(self, robot: str, code: int) -> int:
        """The code for one message too many within a minute; 0 otherwise."""
        now_s, said = self.clock_s(), self._said_at_s[robot]
        while said and said[0] <= now_s - 60:
            said.popleft()
        if len(said) >= ROBOT_MESSAGES_PER_MIN:
            return code
        said.append(now_s)
        return 0

    def _keep(self, vendor: str, to: str, text: str, key: str = "") -> None:
        links = tuple(dict.fromkeys(LINK.findall(text)))
        self.messages.append(Message(vendor, to, text, links, key, self.clock_s()))

    def _is_dingtalk_signed(self, query: Mapping[str, str]) -> bool:
        timestamp = query.get("timestamp", "")
        signed = f"{timestamp}\n{self.secret}".encode()
        digest = hmac.digest(self.secret.encode(), signed, "sha256")
        is_fresh = timestamp.isdecimal() and self._is_fresh(int(timestamp) / 1000)
        return is_fresh and query.get("sign") == base64.b64encode(digest).decode()

    def _is_feishu_signed(self, said: Mapping[str, Any]) -> bool:
        timestamp = str(said.get("timestamp", ""))
        digest = hmac.digest(f"{timestamp}\n{self.secret}".encode(), b"", "sha256")
        is_fresh = timestamp.isdecimal() and self._is_fresh(int(timestamp))
        return is_fresh and said.get("sign") == base64.b64encode(digest).decode()

    def _is_fresh(self, at_s: float) -> bool:
        return abs(self.clock_s() - at_s) <= TOLERANCE_S

    def _is_aliyun_signed(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        found = re.search(
            r"SignedHeaders=([^,]+),Signature=(\w+)$", headers.get("authorization", "")
        )
        if found is None:
            return False
        names = found[1].split(";")
        canonical = "\n".join(
            (
                "POST",
                "/",
                "&".join(f"{_quoted(key)}={_quoted(query[key])}" for key in sorted(query)),
                *(f"{name}:{headers.get(name, '')}" for name in names),
                "",
                found[1],
                headers.get("x-acs-content-sha256", ""),
            )
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"ACS3-HMAC-SHA256\n{hashed}".encode()
        expected = hmac.digest(self.secret.encode(), to_sign, "sha256").hex()
        return hmac.compare_digest(found[2], expected)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
