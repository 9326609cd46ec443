"""A matching model tried from the command line, on a file made by the command line."""

from __future__ import annotations

import json

import pytest
from leadctl.__main__ import app
from leadctl.testing import CliRunner


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    records, truth = folder / "records.csv", folder / "truth.csv"
    done = run("generate", "--customers", "400", "--seed", "3", "--out", records, "--truth", truth)
    assert done.exit_code == 0, done.output
    return records, truth


def run(*arguments):
    return CliRunner().invoke(app, ["identity", *map(str, arguments)])


def test_a_generated_file_is_matched_well_and_in_any_order_the_same(generated):
    records, truth = generated

    done = run(
        "evaluate", records, "--truth", truth, "--map", "cn-b2b", "--shuffles", "2", "--json"
    )

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["report"]["records"] > found["report"]["true_customers"] == 400
    assert found["report"]["pairs"]["f1"] > 0.95
    assert found["order"] == {"shuffles": 2, "differing": 0, "records": 0}
    surest = found["calibration"][-1]
    assert surest["predicted"] > 0.95
    assert surest["observed"] > 0.95
    assert all(each["predicted"] >= 0.5 for each in found["calibration"])


def test_every_share_is_shown_with_what_it_is_a_share_of(generated):
    records, truth = generated

    done = run("evaluate", records, "--truth", truth, "--map", "cn-b2b", "--without", "email")

    assert "records, 400 true customers" in done.stdout
    assert " of " in done.stdout.partition("over-merged records")[2]
    assert "posterior" in done.stdout


def test_a_generated_file_says_how_hard_it_is(tmp_path):
    done = run(
        *("generate", "--customers", "50", "--out", tmp_path / "r.csv"),
        *("--truth", tmp_path / "t.csv"),
    )

    assert "share nothing with any other of their customer" in " ".join(done.stdout.split())


def test_weights_can_be_estimated_from_the_file_itself(generated, tmp_path):
    records, truth = generated
    model = tmp_path / "model.yaml"
    model.write_text(
        "version: mine\nfields: [{name: name, kind: text}, {name: phone, kind: digits}]\n"
        "keys: [phone, name]\n"
    )

    done = run(
        *("evaluate", records, "--truth", truth, "--map", "cn-b2b"), "--model", model, "--json"
    )

    assert json.loads(done.stdout)["model"] == "mine"


def test_the_same_seed_gives_the_same_file(generated, tmp_path):
    records, _ = generated
    again = tmp_path / "again.csv"

    run(
        *("generate", "--customers", "400", "--seed", "3"),
        *("--out", again, "--truth", tmp_path / "truth.csv"),
    )

    assert again.read_bytes() == records.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--map", "no-such-map"),
        ("--map", "cn-b2b", "--model", "no-such-model"),
        ("--map", "febrl"),
        ("--map", "cn-b2b", "--truth-column", "no such column"),
        ("--map", "cn-b2b"),
    ],
    ids=["map", "model", "columns", "truth column", "no truth"],
)
def test_what_does_not_fit_is_refused_in_one_line(generated, arguments):
    records, _ = generated

    done = run("evaluate", records, *arguments)

    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
