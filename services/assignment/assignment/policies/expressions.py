"""Expressions in CEL over a lead's values: compiled once, bounded in size, and with nothing to loop over but literals.

Values are texts, numbers (always doubles) and flags; there is no list or map among them, so an expression takes at most
as many steps as it has characters, times those of its loops over what it spells out itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import cel

from assignment.domain.rules import Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assignment.domain.rules import Value

CHARS_MAX: Final = 2048
LOOPS_MAX: Final = 2
LITERALS_MAX: Final = 16
LARGE: Final = 1e12
_LOOP: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)")
_NESTING: Final = re.compile(r"[!-]{9}|\({33}")
_LITERAL: Final = re.compile(r'"([^"\n]*)"|\'([^\'\n]*)\'')
_LIBRARY: Final = frozenset(
    {"bool", "contains", "double", "endsWith", "int", "matches", "max", "min", "size", "startsWith", "string"}
)  # fmt: skip
_RUN_TIME_FAULTS: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


class BadExpression(ValueError):  # noqa: N818 - errors are named by what is wrong
    """An expression that cannot be used; the text says why."""


def compiled(
    text: str, samples: Mapping[str, Value], *, result: type
) -> tuple[Expression, set[str]]:
    """An expression and the values that it reads; raises `BadExpression`.

    `samples` has a value of each name that may be read; `result` is bool or float.
    """
    if len(text) > CHARS_MAX or len(_LOOP.findall(text)) > LOOPS_MAX or _NESTING.search(text):
        raise BadExpression("may cost too much: it is too long, or has too many loops or brackets")
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise BadExpression(_syntax(str(error))) from None
    reads = set(program.variables()) - set(_LOOP.findall(text))
    unknown = sorted(reads - samples.keys())
    unknown += sorted(f for f in program.functions() if f[0].isalpha() and f not in _LIBRARY)
    if unknown:
        raise BadExpression(f"uses what is not known: {', '.join(unknown)}")
    if not reads:
        raise BadExpression("does not look at the lead")
    expression = Expression(text, _runner(program))
    _try(text, program, {name: samples[name] for name in reads}, result)
    return expression, reads


def scope(values: Mapping[str, Value]) -> cel.Context:
    """What expressions run on."""
    return cel.Context(variables=dict(values), functions={"min": _least, "max": _greatest})


def _runner(program: cel.Program) -> Callable[[object], Value | None]:
    def run(context: object) -> Value | None:
        try:
            value = program.execute(cast("cel.Context", context))
        except _RUN_TIME_FAULTS:
            return None
        return value if isinstance(value, str | float | int) else None

    return run


def _try(text: str, program: cel.Program, samples: Mapping[str, Value], result: type) -> None:
    """Runs the expression: operands that can never meet are found, and results of another type.

    What stands behind `&&` or `?:` is only looked at for some values; those that the text spells out are tried.
    """
    for tried in (samples, *_spelled_out(text, samples)):
        try:
            value = program.execute(scope(tried))
        except TypeError:
            raise BadExpression("mixes types; numbers are doubles: write 1.0, not 1") from None
        except _RUN_TIME_FAULTS:
            continue
        is_number = isinstance(value, float | int) and not isinstance(value, bool)
        if not (is_number if result is float else isinstance(value, bool)):
            wanted = "a number" if result is float else "true or false"
            raise BadExpression(f"gives {type(value).__name__}, not {wanted}")


def _spelled_out(text: str, samples: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    """The samples with other values, each text in turn being one that the expression holds."""
    literals = [double or single for double, single in _LITERAL.findall(text)]
    for literal in ["", *literals[:LITERALS_MAX]]:
        yield {name: _other(value, literal) for name, value in samples.items()}


def _other(sample: Value, literal: str) -> Value:
    if isinstance(sample, str):
        return literal
    return True if isinstance(sample, bool) else LARGE


def _syntax(text: str) -> str:
    """The place and the fault of what the parser says, without its drawing."""
    found = re.search(r"<input>:(\d+):(\d+): ([^\n]*)", text)
    if found is None:
        return "is not CEL"
    return f"is not CEL at its line {found[1]}, column {found[2]}: {found[3][:120]}"


def _least(*values: float) -> float:
    return min(values)


def _greatest(*values: float) -> float:
    return max(values)
