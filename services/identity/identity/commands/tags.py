"""What is done with tags: made, given other words, taken out of use, said of customers, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.tags import (
    Definition,
    MalformedTag,
    NotGivenByHand,
    Tag,
    TagExists,
    Tagged,
    TagKind,
    TagNotFound,
    TagRetired,
    checked,
    word,
)
from identity.store import customers as customer_store
from identity.store import tags as store
from identity.wire import tags as wire

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg
    from servicekit.database import UnitOfWork

    from identity.domain.statements import Regrouped

EVIDENCE_CHARS_MAX = 400


async def create_tag(
    uow: UnitOfWork, wanted: Definition, *, actor: str, opinion_words: Collection[str]
) -> Tag:
    """Makes a tag; asked for again with the same definition it is the tag on record.

    Raises `MalformedTag`, `OpinionTag`, and `TagExists` when the name is taken by another.
    """
    definition = checked(wanted, opinion_words=opinion_words)
    await store.lock_words(uow.raw)
    known = await store.tag_of(uow.raw, definition.name)
    if known is None:
        await store.add_tag(uow.raw, definition, made_by=actor, made_at=uow.now)
    elif known.definition != definition:
        raise TagExists(f"the word stands for the tag {known.definition.name} already")
    elif known.retired_at is not None:
        raise TagRetired("the tag was taken out of use")
    return await tag_of(uow.raw, definition.name)


async def add_synonym(uow: UnitOfWork, tag_word: str, synonym_text: str) -> int:
    """Makes a word stand for a tag. If it is a tag itself, its history, words and members become the other's.

    Returns how many customers' tag is called otherwise now. Raises `TagNotFound`, `TagRetired`, and `MalformedTag` for
    a computed tag, whose members would come back under the old rule.
    """
    synonym = word(synonym_text)
    await store.lock_words(uow.raw)
    tag = _in_use(await tag_of(uow.raw, tag_word))
    known = await store.tag_of(uow.raw, synonym)
    if known is None:
        await store.add_word(uow.raw, synonym, tag.tag_id)
        return 0
    if known.tag_id == tag.tag_id:
        return 0
    if TagKind.COMPUTED in {known.definition.kind, tag.definition.kind}:
        raise MalformedTag("a computed tag has its own rule; retire it instead")
    return await store.rename(uow.raw, known.tag_id, into=tag.tag_id, at=uow.now)


async def retire_tag(uow: UnitOfWork, tag_word: str) -> None:
    """Takes a tag out of use; raises `TagNotFound`."""
    await store.lock_words(uow.raw)
    tag = await tag_of(uow.raw, tag_word)
    await store.retire(uow.raw, tag.tag_id, at=uow.now)


async def tag_customer(
    uow: UnitOfWork, customer_id: str, tag_word: str, *, evidence: str, actor: str
) -> list[str]:
    """Says a tag of a customer; returns the tags of the same dimension that it takes the place of.

    Raises `CustomerNotFound`, `TagNotFound`, `TagRetired`, `NotGivenByHand`, and `MalformedTag` without evidence.
    """
    if not evidence.strip() or len(evidence) > EVIDENCE_CHARS_MAX:
        raise MalformedTag(f"evidence has 1 to {EVIDENCE_CHARS_MAX} characters")
    tag = _given_by_hand(await tag_of(uow.raw, tag_word))
    customer = await customer_store.customer_named(uow.raw, customer_id)
    tagged = Tagged(tag.definition, evidence.strip(), actor, uow.now, None)
    replaced = await store.give(uow.raw, tag, (customer.customer_id, customer.golden_id), tagged)
    changed = wire.tags_changed(customer, actor=actor, at=uow.now)
    uow.publish(changed, key=customer.golden_id)
    return replaced


async def untag_customer(uow: UnitOfWork, customer_id: str, tag_word: str, *, actor: str) -> None:
    """Takes a tag back; raises `CustomerNotFound`, `TagNotFound`, `TagRetired` and `NotGivenByHand`."""
    tag = _given_by_hand(await tag_of(uow.raw, tag_word))
    customer = await customer_store.customer_named(uow.raw, customer_id)
    await store.take(uow.raw, [tag.tag_id], customer.customer_id, at=uow.now)
    changed = wire.tags_changed(customer, actor=actor, at=uow.now)
    uow.publish(changed, key=customer.golden_id)


async def follow_regrouping(uow: UnitOfWork, regrouped: Regrouped) -> None:
    """Lets tags follow the Golden IDs of which they were said, when customers merge and part."""
    moved = set(regrouped.merged.values()) | set(regrouped.parted) | set(regrouped.parted.values())
    living = sorted(moved & regrouped.touched)
    if living or regrouped.merged:
        await store.follow(uow.raw, living, sorted(regrouped.merged))


async def tag_of(raw: asyncpg.Connection, text: str) -> Tag:
    """The tag that a word stands for; raises `TagNotFound`."""
    tag = await store.tag_of(raw, word(text))
    if tag is None:
        raise TagNotFound("no such tag")
    return tag


def _in_use(tag: Tag) -> Tag:
    if tag.retired_at is not None:
        raise TagRetired("the tag was taken out of use")
    return tag


def _given_by_hand(tag: Tag) -> Tag:
    if tag.definition.kind is TagKind.COMPUTED:
        raise NotGivenByHand("who has this tag is worked out by its rule")
    return _in_use(tag)
