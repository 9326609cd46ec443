"""Golden IDs and whose they are, decided without servers."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.customers import Customer, CustomerId, GoldenId, MasterId
from identity.domain.golden_ids import (
    Factors,
    GoldenIdKeys,
    Minted,
    Recipe,
    golden_id,
    master_id,
)
from identity.domain.regroupings import Alias, Belonging, Grouping, regroup

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
KEYS = GoldenIdKeys({"k1": b"k" * 32})
PHONE, USCC = "+8613800138001", "91440300MA5EXAMP1F"


def a_customer(number: int, golden: str, *, minute: int = 0, records: int = 1) -> Customer:
    first_seen_at = NOON + timedelta(minutes=minute)
    return Customer(
        CustomerId(number), GoldenId(golden), MasterId(f"CID-{number}"), first_seen_at, records, 1
    )


def an_alias(golden: str, *, minute: int = 0, customer: int = 0) -> Alias:
    minted = Minted(GoldenId(golden), Recipe.PHONE_AND_USCC, "k1")
    return Alias(minted, NOON + timedelta(minutes=minute), customer, f"CID-{golden}")


def a_record(*golden: str, minute: int = 0, customer: int = 0, digest: bytes = b"d") -> Belonging:
    since = NOON + timedelta(minutes=minute)
    return Belonging(digest, customer, dict.fromkeys(golden, since))


def called(grouping: Grouping) -> dict[frozenset[int], str]:
    return {each.part: each.golden_id for each in grouping.named}


def parts(*groups: set[int]) -> list[frozenset[int]]:
    return [frozenset(group) for group in groups]


def test_a_golden_id_is_64_hex_characters_and_needs_the_key() -> None:
    one = golden_id(b"k" * 32, Recipe.PHONE_AND_USCC, phone=PHONE, second_factor=USCC)

    assert len(one) == 64
    assert set(one) <= set("0123456789abcdef")
    assert one != golden_id(b"l" * 32, Recipe.PHONE_AND_USCC, phone=PHONE, second_factor=USCC)


def test_the_recipe_is_the_one_that_golden_ids_were_always_made_by() -> None:
    made = golden_id(b"k" * 32, Recipe.PHONE_AND_USCC, phone=PHONE, second_factor="")

    assert made == "39803355e330f7d39693409423c38278743703df2d700ae2f1c1e1de71631d92"


def test_a_source_without_a_phone_is_called_by_itself() -> None:
    one = KEYS.mint(Factors("", USCC, "", "lead-1"))
    other = KEYS.mint(Factors("", USCC, "", "lead-2"))

    assert one != other
    assert len(one) == len(other) == 1


def test_a_second_recipe_mints_only_where_both_factors_are_stated() -> None:
    keys = GoldenIdKeys({"k1": b"k" * 32}, (Recipe.PHONE_AND_USCC, Recipe.PHONE_AND_RESIDENT_ID))

    assert len(keys.mint(Factors(PHONE, USCC, "", "lead-1"))) == 1
    assert len(keys.mint(Factors(PHONE, USCC, "11010519491231002X", "lead-1"))) == 2


def test_an_older_key_goes_before_a_newer_one_so_that_rotation_renames_nobody() -> None:
    keys = GoldenIdKeys({"new": b"n" * 32, "old": b"o" * 32})
    new, old, lost = (
        Minted(GoldenId("a" * 64), Recipe.PHONE_AND_USCC, key) for key in ("new", "old", "lost")
    )

    assert sorted([new, old, lost], key=keys.seniority) == [lost, old, new]


def test_a_master_id_names_day_and_number() -> None:
    assert master_id(date(2026, 2, 7), 1) == "CID-20260207-000001"


def test_a_part_is_called_by_what_was_stated_first() -> None:
    belongings = {1: a_record("a", minute=3), 2: a_record("b", minute=1)}
    aliases = {"a": an_alias("a", minute=3), "b": an_alias("b", minute=1)}

    grouping = regroup(parts({1, 2}), belongings, aliases, {}, KEYS)

    assert called(grouping) == {frozenset({1, 2}): "b"}


def test_an_id_that_two_customers_support_is_of_the_first_and_the_other_falls_back() -> None:
    belongings = {
        1: a_record("a", minute=3, digest=b"1"),
        2: a_record("a", minute=1, digest=b"2"),
    }

    grouping = regroup(parts({1}, {2}), belongings, {"a": an_alias("a", minute=1)}, {}, KEYS)

    fallback = KEYS.of_record(b"1").golden_id
    assert called(grouping) == {frozenset({2}): "a", frozenset({1}): fallback}
    assert grouping.fallbacks == [(fallback, 1)]
    assert grouping.ambiguous == {"a"}


def test_a_merge_keeps_the_older_customer_and_hands_over_the_other_ones_ids() -> None:
    belongings = {1: a_record("a", minute=3, customer=7), 2: a_record("b", customer=8)}
    aliases = {"a": an_alias("a", minute=3, customer=7), "b": an_alias("b", customer=8)}
    customers = {7: a_customer(7, "a", minute=3), 8: a_customer(8, "b")}

    grouping = regroup(parts({1, 2}), belongings, aliases, customers, KEYS)

    assert [(each.customer_id, each.golden_id) for each in grouping.named] == [(8, "b")]
    assert grouping.gone == {7: frozenset({1, 2})}


def test_a_split_leaves_the_name_with_whoever_supports_it() -> None:
    belongings = {1: a_record("a", customer=7), 2: a_record("b", minute=5, customer=7)}
    aliases = {"a": an_alias("a", customer=7), "b": an_alias("b", minute=5, customer=7)}

    grouping = regroup(parts({1}, {2}), belongings, aliases, {7: a_customer(7, "a")}, KEYS)

    assert {(each.customer_id, each.golden_id) for each in grouping.named} == {(7, "a"), (0, "b")}
    assert grouping.gone == {}


def test_whoever_was_forgotten_is_taken_up_again_by_their_id() -> None:
    husk = {7: a_customer(7, "a", records=0)}
    aliases = {"a": an_alias("a", customer=7)}

    grouping = regroup(parts({1}), {1: a_record("a", minute=9)}, aliases, husk, KEYS)

    assert [(each.customer_id, each.golden_id) for each in grouping.named] == [(7, "a")]


@given(
    supports=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 3)), min_size=1
    ),
    shuffle=st.randoms(use_true_random=False),
)
def test_the_order_of_records_does_not_change_who_is_called_what(
    supports: list[tuple[str, int, int]], shuffle: object
) -> None:
    def grouped(order: list[int]) -> set[tuple[str, frozenset[int]]]:
        belongings, aliases, groups = {}, {}, {}
        for number in order:
            golden, minute, group = supports[number]
            belongings[number] = a_record(golden, minute=minute, digest=bytes([number]))
            groups.setdefault(group, set()).add(number)
            first = min(at for name, at, _ in supports if name == golden)
            aliases[golden] = an_alias(golden, minute=first)
        found = regroup(parts(*groups.values()), belongings, aliases, {}, KEYS)
        return {(each.golden_id, each.part) for each in found.named}

    order = list(range(len(supports)))
    shuffled = order[:]
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]

    assert grouped(order) == grouped(shuffled)
