"""AES-256-CBC as the vendors use it. Whatever is wrong with a text, there is one error and it says nothing more."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK_BYTES = 16


class NotOpened(Exception):  # noqa: N818 - errors are named by what is wrong
    """A text does not open."""


def opened(key: bytes, sealed: bytes, *, pad_max: int) -> bytes:
    """The plaintext, IV from the key's first 16 bytes; raises `NotOpened`.

    A wrong key gives a right padding once in 256 times: whoever has two keys must look at the text as well.
    """
    return _unpadded(_decrypted(key, key[:BLOCK_BYTES], sealed), pad_max)


def opened_with_iv(key: bytes, sealed: bytes) -> bytes:
    """The same where the text's first 16 bytes are the IV and the padding is of 16 bytes at most."""
    return _unpadded(_decrypted(key, sealed[:BLOCK_BYTES], sealed[BLOCK_BYTES:]), BLOCK_BYTES)


def sealed(key: bytes, plain: bytes, *, pad_max: int) -> bytes:
    """The ciphertext of a padded plaintext, IV from the key's first 16 bytes."""
    count = pad_max - len(plain) % pad_max
    encryptor = Cipher(AES(key), CBC(key[:BLOCK_BYTES])).encryptor()
    return encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()


def _decrypted(key: bytes, iv: bytes, body: bytes) -> bytes:
    if len(iv) != BLOCK_BYTES or not body or len(body) % BLOCK_BYTES:
        raise NotOpened
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    return decryptor.update(body) + decryptor.finalize()


def _unpadded(padded: bytes, pad_max: int) -> bytes:
    count = padded[-1]
    right = bytes([count]) * count
    is_right = hmac.compare_digest(padded[len(padded) - count :], right)
    if not is_right or not 0 < count <= pad_max:
        raise NotOpened
    return padded[:-count]
