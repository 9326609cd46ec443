"""What the bodies of an account look like, and when that has changed: paths and types, no values. Pure.

Hidden decision: what counts as drift. The first bodies that were understood say what is usual. From then on a path that
was never there, one that nearly every body had and fifty lack, another type, and one more word where there were a few
fixed ones are each told once; what was told is usual from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lead_intake.domain.masked_values import is_personal_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATHS_MAX: Final = 500
PATH_LENGTH_MAX: Final = 200
DEPTH_MAX: Final = 12
ELEMENTS_MAX: Final = 20
LEARNT_FROM: Final = 20
"""Bodies that were understood, before anything counts as drift."""

GONE_AFTER: Final = 50
USUAL_SHARE: Final = 0.95
WORDS_MAX: Final = 8
WORD_LENGTH_MAX: Final = 24
STEADY_FOR: Final = 40
"""Bodies in which no new word came, before a path counts as one of a few fixed words."""


@dataclass(slots=True)
class Seen:
    """One path of one body: its types, and keyed digests of its short texts."""

    types: set[str] = field(default_factory=set)
    words: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class PathHistory:
    """One path as it was seen; places are numbers of bodies. `words` is None where texts are free."""

    types: list[str]
    first_at: int
    last_at: int
    seen_count: int = 1
    words: list[bytes] | None = field(default_factory=list)
    new_word_at: int = 0
    is_gone: bool = False


@dataclass(slots=True)
class Learnt:
    """What is known of an account's bodies."""

    accepted_count: int = 0
    body_count: int = 0
    paths: dict[str, PathHistory] = field(default_factory=dict)

    @property
    def is_learning(self) -> bool:
        """Whether too few bodies were understood to say what is usual."""
        return self.accepted_count < LEARNT_FROM


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A path that has another type than before."""

    path: str
    before: tuple[str, ...]
    after: str


@dataclass(slots=True)
class Drift:
    """What is not as usual."""

    added: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    changed: list[TypeChange] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.vanished or self.changed or self.grown)


def shape_of(document: Any, digest: Callable[[str, str], bytes] | None = None) -> dict[str, Seen]:
    """The paths of a body, at most 500, elements of lists folded into `[]`; fields named like a person are left out.

    `digest` is given a path and a text there, and stands for the text; without it words are not looked at.
    """
    found: dict[str, Seen] = {}
    _gather(document, "", found, digest, 0)
    return found


def noticed(learnt: Learnt, body: Mapping[str, Seen], *, is_accepted: bool) -> Drift:
    """Takes one more body into what is learnt; returns what is not as usual in it, each thing once.

    While learning, bodies that were not understood teach nothing.
    """
    drift = Drift()
    was_learning = learnt.is_learning
    if was_learning and not is_accepted:
        return drift
    learnt.body_count += 1
    learnt.accepted_count += is_accepted
    for path, seen in body.items():
        history = learnt.paths.get(path)
        if history is None:
            if len(learnt.paths) < PATHS_MAX:
                learnt.paths[path] = _first(seen, learnt.body_count)
                drift.added.append(path)
        else:
            _compare(history, path, seen, learnt.body_count, drift)
    _note_gone(learnt, drift)
    return Drift() if was_learning else drift


def differences(
    learnt: Learnt, body: Mapping[str, Seen]
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Paths at which a body differs from what is usual: path, usual types, types here."""
    found = []
    for path in sorted(body.keys() | learnt.paths.keys()):
        history, seen = learnt.paths.get(path), body.get(path)
        usual = tuple(history.types) if history and not history.is_gone else ()
        here = tuple(sorted(seen.types)) if seen else ()
        is_missing = bool(history and not here and _is_usual(history))
        if (here and not usual) or is_missing or (here and set(here) - set(usual) - {"null"}):
            found.append((path, usual, here))
    return found


def _gather(
    value: Any,
    path: str,
    found: dict[str, Seen],
    digest: Callable[[str, str], bytes] | None,
    depth: int,
) -> None:
    if path and not _note(value, path, found, digest):
        return
    if depth < DEPTH_MAX:
        for inner_path, inner in _parts(value, path):
            _gather(inner, inner_path, found, digest, depth + 1)


def _note(
    value: Any,
    path: str,
    found: dict[str, Seen],
    digest: Callable[[str, str], bytes] | None,
) -> bool:
    """Notes one path; False when it is too long or one too many."""
    if len(path) > PATH_LENGTH_MAX or (path not in found and len(found) >= PATHS_MAX):
        return False
    seen = found.setdefault(path, Seen())
    seen.types.add(_type_of(value))
    if digest is not None and _is_word(value) and len(seen.words) <= WORDS_MAX:
        seen.words.add(digest(path, value))
    return True


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if not is_personal_key(str(key)):
                yield f"{path}.{key}" if path else str(key), each
    elif isinstance(value, list):
        for each in value[:ELEMENTS_MAX]:
            yield f"{path}[]", each


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= WORD_LENGTH_MAX


def _first(seen: Seen, number: int) -> PathHistory:
    words = sorted(seen.words) if len(seen.words) <= WORDS_MAX else None
    return PathHistory(sorted(seen.types), number, number, words=words, new_word_at=number)


def _compare(history: PathHistory, path: str, seen: Seen, number: int, drift: Drift) -> None:
    if history.is_gone:
        history.is_gone = False
        history.first_at, history.seen_count = number, 0
        drift.added.append(path)
    for type_ in sorted(seen.types - set(history.types)):
        if type_ != "null" and set(history.types) != {"null"}:
            drift.changed.append(TypeChange(path, tuple(history.types), type_))
        history.types.append(type_)
    history.seen_count += 1
    history.last_at = number
    _compare_words(history, path, seen, number, drift)


def _compare_words(history: PathHistory, path: str, seen: Seen, number: int, drift: Drift) -> None:
    if history.words is None:
        return
    new = seen.words - set(history.words)
    if not new:
        return
    if history.words and number - history.new_word_at >= STEADY_FOR:
        drift.grown.append(path)
    words = [*history.words, *sorted(new)]
    history.words = words if len(words) <= WORDS_MAX else None
    history.new_word_at = number


def _note_gone(learnt: Learnt, drift: Drift) -> None:
    for path, history in learnt.paths.items():
        is_absent = learnt.body_count - history.last_at >= GONE_AFTER
        if is_absent and not history.is_gone:
            history.is_gone = True
            if _is_usual(history):
                drift.vanished.append(path)


def _is_usual(history: PathHistory) -> bool:
    """Whether nearly every body had the path, for as long as it was there."""
    lifetime = history.last_at - history.first_at + 1
    return lifetime >= LEARNT_FROM and history.seen_count >= USUAL_SHARE * lifetime
