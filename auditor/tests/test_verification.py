"""What an audit says of a dump, and which exit code it ends with."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from auditor.findings import Finding, Incomplete, Kind
from auditor.notes import read_keys
from auditor.specimen import WITNESS, Signer, Specimen, chained, grown, sealed, text_of
from auditor.verification import verify

ORIGIN = "leadchain/permissions/specimen"
SIGNER = Signer.of(ORIGIN, "signer")
SECOND = Signer.of(ORIGIN, "second")
REPORTING = Signer.of(WITNESS, "witness")
KEYS = read_keys([SIGNER.verifier_key, REPORTING.verifier_key])


def audited(log: Specimen, folder: Path, **options) -> list[Finding]:
    log.write(folder / "log.dump")
    return verify(folder / "log.dump", processes=1, **options).findings


def command(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 1024, 1025, 3000])
def test_a_sound_log_of_any_size_is_whole(size: int, tmp_path: Path) -> None:
    log = grown(size, every=max(1, size // 3), signer=SIGNER, witness=REPORTING)
    log.write(tmp_path / "log.dump")

    report = verify(tmp_path / "log.dump", published=log.notes, keys=KEYS, processes=1)

    assert report.findings == []
    assert (report.entries, report.cosignatures) == (size, len(log.notes))
    assert report.is_key_trusted


def test_a_log_that_several_processes_follow_is_whole_too(tmp_path: Path) -> None:
    log = grown(33_500, every=10_007, signer=SIGNER, witness=REPORTING)
    log.write(tmp_path / "log.dump")

    report = verify(tmp_path / "log.dump", keys=KEYS, processes=2)

    assert (report.findings, report.sealed_size) == ([], 30_021)


def test_tampering_in_a_later_process_share_is_found_at_its_entry(tmp_path: Path) -> None:
    log = grown(33_500, every=33_000, signer=SIGNER, witness=REPORTING)
    log.entries[33_100] = log.entries[33_100]._replace(hash=bytes(32))
    log.write(tmp_path / "log.dump")

    report = verify(tmp_path / "log.dump", keys=KEYS, processes=2)

    assert str(report.first) == "modified at entry 33101 (log)"


def test_a_rotated_key_signs_when_the_key_before_vouches_for_it(tmp_path: Path) -> None:
    log = rotated(signed_by=SIGNER)

    assert audited(log, tmp_path, keys=KEYS) == []


def test_a_key_that_nobody_vouches_for_is_named_re_signed(tmp_path: Path) -> None:
    log = rotated(signed_by=SECOND)

    findings = audited(log, tmp_path, keys=KEYS)

    assert min(findings, key=lambda finding: finding.seq).kind is Kind.RESIGNED
    assert min(finding.seq for finding in findings) == 3


def test_the_old_key_signs_no_longer_after_its_rotation(tmp_path: Path) -> None:
    log = rotated(signed_by=SIGNER)
    log.notes = sealed(log.entries, [5], (SIGNER,))

    [finding] = audited(log, tmp_path, keys=KEYS)

    assert (finding.kind, finding.seq) == (Kind.RESIGNED, 5)


def test_a_forged_signature_of_a_known_witness_is_found(tmp_path: Path) -> None:
    log = grown(10, every=10, signer=SIGNER, witness=REPORTING)
    body, blank, lines = log.notes[0].partition("\n\n")
    forged = REPORTING.line("something else")
    log.notes = [f"{body}{blank}{lines.splitlines()[0]}\n{forged}"]

    [finding] = audited(log, tmp_path, keys=KEYS)

    assert (finding.kind, finding.seq) == (Kind.RESIGNED, 10)


def test_what_has_ended_may_be_gone_from_the_state(tmp_path: Path) -> None:
    log = grown(3, every=3, signer=SIGNER, witness=REPORTING)
    ended = {"kind": "session_revoked", "session_id": "s1", "until_s": log.dumped_at_s - 1}
    log.entries = chained([announced(), {"action": "session_revoked", "changes": [ended]}])
    log.notes = sealed(log.entries, [2], (SIGNER,))
    log.state = []
    log.ending_where_it_ends()

    assert audited(log, tmp_path, keys=KEYS) == []


@pytest.mark.parametrize("kept", [0, 5, 30, 400, -1])
def test_a_dump_that_breaks_off_is_incomplete(kept: int, tmp_path: Path) -> None:
    log = grown(20, every=10, signer=SIGNER, witness=REPORTING)
    file = tmp_path / "log.dump"
    log.write(file)
    file.write_bytes(file.read_bytes()[:kept])

    with pytest.raises(Incomplete):
        verify(file, processes=1)


def test_a_log_that_nothing_seals_is_incomplete(tmp_path: Path) -> None:
    log = grown(20, every=10, signer=SIGNER, witness=REPORTING)
    log.notes = []

    with pytest.raises(Incomplete, match="no checkpoint"):
        audited(log, tmp_path)


def test_the_command_says_whole_tampered_or_incomplete_by_its_exit_code(tmp_path: Path) -> None:
    log = grown(40, every=10, signer=SIGNER, witness=REPORTING)
    dump, published, keys = (tmp_path / name for name in ("log.dump", "notes", "keys"))
    published.write_text("".join(json.dumps({"note": note}) + "\n" for note in log.notes))
    keys.write_text(f"{SIGNER.verifier_key}\n{REPORTING.verifier_key}\n")
    options = ("--checkpoints", published, "--keys", keys)

    log.write(dump)
    whole = command(dump, *options)
    del log.entries[30:]
    log.write(dump)
    tampered = command(dump, *options)
    dump.write_bytes(dump.read_bytes()[:-10])
    incomplete = command(dump, *options)

    assert (whole[0], tampered[0], incomplete[0]) == (0, 2, 3)
    assert whole[1].startswith("whole: 40 entries, sealed up to 40")
    assert tampered[1].startswith("tampered: truncated at entry 31 (log)")
    assert incomplete[1].startswith("incomplete: ")


@pytest.mark.parametrize(
    "fact", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"seq":5}', b"null"]
)
def test_bytes_that_are_no_entry_are_a_finding_and_no_failure(fact: bytes, tmp_path: Path) -> None:
    log = grown(20, every=10, signer=SIGNER, witness=REPORTING)
    log.entries[4] = log.entries[4]._replace(fact=fact)

    findings = audited(log, tmp_path, keys=KEYS)

    assert [(finding.seq, finding.kind) for finding in findings] == [(5, Kind.MODIFIED)]


def announced() -> dict:
    return {"action": "signing_key_announced", "public_key": text_of(SIGNER.public_key)}


def rotated(*, signed_by: Signer) -> Specimen:
    """Five entries; at the third the second key takes over."""
    public_key = text_of(SECOND.public_key)
    statement = f"{ORIGIN} next key {public_key}\n".encode()
    rotation = {
        "action": "signing_key_rotated",
        "public_key": public_key,
        "previous_key": text_of(signed_by.public_key),
        "signature": text_of(signed_by.key.sign(statement)),
    }
    plain = {"action": "decided", "actor": "permissions"}
    entries = chained([announced(), plain, rotation, plain, plain])
    notes = [*sealed(entries, [2], (SIGNER,)), *sealed(entries, [3, 5], (SECOND,))]
    return Specimen("specimen", entries, notes).ending_where_it_ends()
