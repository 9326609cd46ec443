"""Conditions: CEL expressions over declared parameters, bounded in cost before they ever run."""

import re
from collections.abc import Mapping
from typing import Any, Final

import cel
from servicekit.errors import Invalid

from accesskit.decisions import Missing
from accesskit.language.model import BadModel, Condition, ParameterType
from accesskit.language.values import SCALAR_NAMES, BadValue, convert, in_cidr, sample_of

EXPRESSION_CHARS_MAX: Final = 2048
PARAMETERS_MAX: Final = 32
LOOPS_MAX: Final = 2
_LOOP: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)")
_NESTING: Final = re.compile(r"[!-]{9}")
_FUNCTIONS: Final = {"in_cidr": in_cidr}
_LIBRARY: Final = frozenset(
    {
        "bool",
        "contains",
        "double",
        "duration",
        "endsWith",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
    }
    | {"getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth"}
    | {"getSeconds", "has", "in_cidr", "int", "matches", "max", "min", "size", "startsWith"}
    | {"string", "timestamp", "type", "uint"}
)
_RUN_TIME_FAULTS: Final = (
    ArithmeticError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class ConditionFailed(Invalid):
    """A condition could not be evaluated with these values (a missing key, a division by zero): nothing is proven."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"condition {condition} cannot be evaluated with the given context")
        self.condition = condition


class CompiledCondition:
    """A condition ready to run. `name` is the model's."""

    def __init__(self, condition: Condition, program: cel.Program) -> None:
        self.name = condition.name
        self._kinds = dict(condition.parameters)
        self._program = program
        used = set(program.variables())
        self._needed = frozenset(name for name in self._kinds if name in used)

    def checked_arguments(self, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        """A fact's stored arguments in CEL's types; raises `BadValue`, also for one that is not declared."""
        return {name: convert(name, self._kind(name), v) for name, v in (stored or {}).items()}

    def verdict(
        self, stored: Mapping[str, Any] | None, context: Mapping[str, Any] | None
    ) -> Missing | bool:
        """Whether the condition holds; what the fact stores wins over the request's context.

        `Missing` names what neither gives. Raises `BadValue` and `ConditionFailed`; never true by accident.
        """
        arguments = self.checked_arguments(stored)
        for name in self._needed:
            if name not in arguments and context is not None and name in context:
                arguments[name] = convert(name, self._kinds[name], context[name])
        lacking = self._needed - arguments.keys()
        if lacking:
            return Missing(lacking)
        return self._run(arguments)

    def _kind(self, name: str) -> ParameterType:
        if name not in self._kinds:
            raise BadValue(name, "parameter of the condition")
        return self._kinds[name]

    def _run(self, arguments: dict[str, Any]) -> bool:
        try:
            result = self._program.execute(arguments | _FUNCTIONS)
        except _RUN_TIME_FAULTS:
            raise ConditionFailed(self.name) from None
        if not isinstance(result, bool):
            raise ConditionFailed(self.name)
        return result


def compile_condition(condition: Condition) -> CompiledCondition:
    """The condition made ready; raises `BadModel` for bad CEL, unknown names or types, or an unbounded cost."""
    _check_parameters(condition)
    _check_cost(condition)
    try:
        program = cel.compile(condition.expression)
    except ValueError:
        raise BadModel(f"condition {condition.name} is not valid CEL", condition.at) from None
    bound = set(_LOOP.findall(condition.expression))
    unknown = set(program.variables()) - dict(condition.parameters).keys() - bound
    unknown |= {f for f in program.functions() if f[0].isalpha() and f not in _LIBRARY}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise BadModel(f"condition {condition.name} uses unknown names: {names}", condition.at)
    _try_types(condition, program)
    return CompiledCondition(condition, program)


def _try_types(condition: Condition, program: cel.Program) -> None:
    """Runs the condition once with a plain value of each declared type: operands that can never meet are found."""
    if any("any" in str(kind) for _, kind in condition.parameters):
        return
    samples = {name: sample_of(kind) for name, kind in condition.parameters}
    try:
        program.execute(samples | _FUNCTIONS)
    except TypeError:
        raise BadModel(f"condition {condition.name} mixes types", condition.at) from None
    except (ArithmeticError, LookupError, RuntimeError, ValueError):
        return


def _check_parameters(condition: Condition) -> None:
    names = [name for name, _ in condition.parameters]
    if len(set(names)) < len(names) or len(names) > PARAMETERS_MAX or _FUNCTIONS.keys() & names:
        raise BadModel(
            f"condition {condition.name} has too many or clashing parameters", condition.at
        )
    if not names:
        raise BadModel(f"condition {condition.name} has no parameters", condition.at)
    for name, kind in condition.parameters:
        if not _is_kind(kind):
            raise BadModel(f"parameter {name} has an unknown type", condition.at)


def _is_kind(kind: ParameterType) -> bool:
    if kind.name in ("list", "map"):
        return kind.item is not None and _is_kind(kind.item)
    return kind.name in SCALAR_NAMES and kind.item is None


def _check_cost(condition: Condition) -> None:
    text = condition.expression
    if (
        len(text) > EXPRESSION_CHARS_MAX
        or len(_LOOP.findall(text)) > LOOPS_MAX
        or _NESTING.search(text)
    ):
        raise BadModel(f"condition {condition.name} may cost too much to evaluate", condition.at)
