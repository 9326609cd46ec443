"""A number that too many share says nothing, and takes nobody's time."""

from __future__ import annotations

import pytest
from matchkit.errors import NotLoaded
from matchkit.holders import Holders
from matchkit.linker import Linker
from matchkit.neighbourhood import Neighbourhood
from matchkit.scoring import Hubs, Outcome, assess, explain

SWITCHBOARD = "02088880000"
NAMES = ("anna lund", "bertram oak", "carla pine", "dora elm", "emil ash", "fanny fir")


def test_a_number_of_one_name_joins_its_records(model, hasher):
    linker = Linker(model, hasher)

    for at in range(5):
        linker.add(at, model.read({"name": "anna lund", "phone": SWITCHBOARD}))

    assert linker.partition() == [frozenset(range(5))]


def test_a_number_of_too_many_names_loses_its_weight_for_all_of_them(model, hasher):
    linker = Linker(model, hasher)
    linker.add(0, model.read({"name": "anna lund", "phone": SWITCHBOARD}))
    linker.add(1, model.read({"name": "anna lund", "phone": SWITCHBOARD}))
    assert linker.part(0) == {0, 1}

    made = [
        linker.add(at, model.read({"name": name, "phone": SWITCHBOARD})).hubs_made
        for at, name in enumerate(NAMES[1:], start=2)
    ]

    assert [len(hubs) for hubs in made] == [0, 0, 1, 0, 0]
    assert all(len(part) == 1 for part in linker.partition())


def test_a_number_that_loses_its_crowd_has_its_weight_again(model, hasher):
    linker = Linker(model, hasher)
    for at, name in enumerate(("anna lund", *NAMES[:4])):
        linker.add(at, model.read({"name": name, "phone": SWITCHBOARD}))
    assert linker.part(0) == {0}

    linker.remove(4)

    assert linker.part(0) == {0, 1}


def test_a_declared_number_says_nothing_whoever_has_it(model, hasher):
    said = model.read({"name": "anna lund", "phone": SWITCHBOARD})
    (key,) = model.identifiers(said, hasher)
    linker = Linker(model, hasher)
    for at in range(3):
        linker.add(at, said)

    linker.declare(key)
    declared = linker.changes()
    linker.remove(2)
    linker.add(3, said)

    assert declared.hubs_made == (key,)
    assert linker.changes().hubs_unmade == ()
    assert all(len(part) == 1 for part in linker.partition())


def test_a_declaration_that_is_withdrawn_leaves_what_the_crowd_makes(model, hasher):
    (key,) = model.identifiers(model.read({"phone": SWITCHBOARD}), hasher)
    quiet, crowded = Linker(model, hasher), Linker(model, hasher)
    for at in range(2):
        quiet.add(at, model.read({"name": "anna lund", "phone": SWITCHBOARD}))
    for at, name in enumerate(("anna lund", *NAMES)):
        crowded.add(at, model.read({"name": name, "phone": SWITCHBOARD}))

    for linker in (quiet, crowded):
        linker.declare(key)
        linker.withdraw(key)
        linker.withdraw(key)

    assert quiet.part(0) == {0, 1}
    assert (key in quiet.neighbourhood.generic, key in crowded.neighbourhood.generic) == (
        False,
        True,
    )


def test_a_number_of_ones_own_still_counts_beside_the_shared_one(model, hasher):
    shared = set(model.identifiers(model.read({"phone": SWITCHBOARD}), hasher))
    hubs = Hubs(hasher, shared)
    one = model.read({"name": "anna lund", "phone": SWITCHBOARD, "other_phones": ["13800138000"]})
    other = model.read({"name": "anna lund", "phone": [SWITCHBOARD, "13800138000"]})
    only_shared = model.read({"name": "anna lund", "phone": SWITCHBOARD})

    assert assess(model, one, other, hubs).outcome is Outcome.ACCEPT
    assert assess(model, one, only_shared, hubs).outcome is Outcome.REJECT
    assert explain(model, one, only_shared, hubs).fields[1].counted == "hub"


def test_ten_thousand_records_of_one_number_are_placed_without_comparing_them_all(model, hasher):
    linker = Linker(model, hasher)
    looked_at = 0

    for at in range(10_000):
        linker.add(at, model.read({"name": f"person {at}", "phone": SWITCHBOARD}))
        looked_at += len(linker.neighbourhood.links_of(at))

    assert looked_at <= model.records_max**2
    assert len(linker.partition()) == 10_000


def test_a_crowd_may_be_known_by_its_number_alone(model, hasher):
    features = model.read({"name": "anna lund", "phone": SWITCHBOARD})
    (key,) = model.identifiers(features, hasher)
    around = Neighbourhood()
    around.load((), crowds={key: 800}, generic=[key])
    linker = Linker(model, hasher, around)

    placement = linker.add(1, features)

    assert placement.links == placement.hubs_made == ()
    assert around.holders.count(key) == 801
    with pytest.raises(NotLoaded):
        around.holders.all_of(key)


def test_holders_of_a_key_come_and_go():
    holders = Holders()
    assert [holders.join((7, at + 100), at) for at in (1, 2, 3)] == [[], [7], [7]]

    holders.remove(7, 1)
    holders.remove(7, 3)

    assert holders.all_of(7) == (2,)
    holders.remove(7, 2)
    assert (holders.count(7), len(holders)) == (0, 3)
