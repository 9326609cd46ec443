"""What a proof of origin costs: microseconds for each kind with a body of 1.5 KB, beside its bare primitive.

`python -m bench.verifying [--runs 5]`. One process, one core, no sockets: the door adds the same to every kind. Beside
the kinds: the check of the structure that follows each proof of JSON, and its bare parser.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import time
import timeit
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from lead_intake.verifiers import VERIFIERS
from lead_intake.verifiers.oauth2_bearer import Oauth2Bearer
from lead_intake.verifiers.protocol import KeyMaterial, Request
from lead_intake.webhooks.structure import document_of
from leadctl.fakes.signing import SenderKeys, sign
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BODY_BYTES = 1500
CALLS = 2000
SECRET = "a-secret-of-this-measurement-0123"  # noqa: S105 - made up
WEBHOOK_SECRET = base64.b64encode(bytes(range(32))).decode()
AES_KEY = WEBHOOK_SECRET.rstrip("=")
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Measured:
    """A kind, how its sender signs, and the primitive that it cannot do without."""

    kind: str
    primitive: str
    keys: SenderKeys
    options: Mapping[str, Any] = field(default_factory=dict)
    is_form: bool = False


PLAIN = SenderKeys(signing=SECRET)
SEALED = SenderKeys(signing=SECRET, encryption=AES_KEY, identity={"receive_id": "corp"})
VENDOR = SenderKeys(encryption="k" * 32, private_key=PRIVATE_KEY, serial="1")
KINDS = (
    Measured("hub256", "hmac-sha256", PLAIN),
    Measured("standard_webhooks", "hmac-sha256", SenderKeys(signing=WEBHOOK_SECRET)),
    Measured("esign", "hmac-sha256", PLAIN),
    Measured("douyin_sha1", "sha1", PLAIN),
    Measured("jdy_sha1", "sha1", PLAIN),
    Measured("wx_signature", "sha1", PLAIN),
    Measured("tencent_meeting", "sha1", PLAIN),
    Measured("wx_biz_msg", "aes-cbc", SEALED),
    Measured("wx_biz_msg", "aes-cbc", SEALED, {"envelope": "json"}),
    Measured("lark", "aes-cbc", SenderKeys(encryption=SECRET)),
    Measured("wxpay_v3", "rsa-2048", VENDOR),
    Measured("alipay_rsa2", "rsa-2048", VENDOR, is_form=True),
    Measured("shared_token", "compare", PLAIN, {"in": "header", "name": "x-token"}),
    Measured("shared_token", "compare", PLAIN, {"in": "body", "name": "key"}),
    Measured("oauth2_bearer", "hmac-sha256", PLAIN),
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.verifying", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the fastest is told")
    runs = parser.parse_args().runs
    bare = {name: _us(call, runs) for name, call in primitives().items()}
    shown = Table("proof", "µs", "bare primitive", "µs ", "ratio", title="1.5 KB, one core")
    for measured in KINDS:
        cost, limit = _us(proving(measured), runs), bare[measured.primitive]
        name = " ".join([measured.kind, *map(str, measured.options.values())])
        _row(shown, name, cost, measured.primitive, limit)
    body = a_body()
    structure = _us(lambda: document_of("json", body), runs)
    _row(shown, "(structure of JSON)", structure, "json.loads", _us(lambda: json.loads(body), runs))
    Console().print(shown)


def proving(measured: Measured) -> Callable[[], object]:
    """A call that proves one delivery of the kind; raises when it is no proof."""
    keys, now_s = measured.keys, time.time()
    material = KeyMaterial(
        signing=(keys.signing,) if keys.signing else (),
        encryption=(keys.encryption,)
        if keys.encryption and measured.kind != "tencent_meeting"
        else (),
        identity={**keys.identity, "client_id": "partner/main"},
        public_keys=keys.public_pem(),
    )
    verifier = VERIFIERS[measured.kind](material, measured.options)
    if isinstance(verifier, Oauth2Bearer):
        keys = SenderKeys(signing=keys.signing, bearer=verifier.token(0, now_s=now_s))
    body = urlencode(json.loads(a_body())).encode() if measured.is_form else a_body()
    signed = sign(measured.kind, body, keys, at_s=now_s, options=measured.options)
    headers = {name.encode(): value.encode() for name, value in signed.headers.items()}
    request = Request(signed.raw, headers, signed.query)
    if verifier.prove(request, now_s=now_s) is None:
        raise RuntimeError(f"{measured.kind} does not prove its own sender")
    return lambda: verifier.prove(request, now_s=now_s)


def primitives() -> dict[str, Callable[[], object]]:
    """What the kinds are measured against, on the same bytes."""
    body, key = a_body(), bytes(range(32))
    padded = body + bytes(-len(body) % 16)
    signature = PRIVATE_KEY.sign(body, PKCS1v15(), SHA256())
    public_key = PRIVATE_KEY.public_key()

    def aes() -> bytes:
        decryptor = Cipher(AES(key), CBC(key[:16])).decryptor()
        return decryptor.update(padded) + decryptor.finalize()

    return {
        "hmac-sha256": lambda: hmac.digest(key, body, "sha256"),
        "sha1": lambda: hashlib.sha1(body, usedforsecurity=False).digest(),
        "aes-cbc": aes,
        "rsa-2048": lambda: public_key.verify(signature, body, PKCS1v15(), SHA256()),
        "compare": lambda: hmac.compare_digest(key, key),
    }


def a_body() -> bytes:
    """A lead of about 1.5 KB."""
    fields = {f"field_{n:02}": f"示例 value {n} https://www.example.com/{n}" for n in range(26)}
    return (
        json.dumps(fields, ensure_ascii=False).encode()[: BODY_BYTES - 2].rsplit(b",", 1)[0] + b"}"
    )


def _us(call: Callable[[], object], runs: int) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=runs)) / CALLS * 1e6


def _row(shown: Table, name: str, cost: float, primitive: str, limit: float) -> None:
    shown.add_row(name, f"{cost:.1f}", primitive, f"{limit:.1f}", f"{cost / limit:.1f}")


if __name__ == "__main__":
    main()
