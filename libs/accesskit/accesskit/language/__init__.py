"""The relation language: a subset of the OpenFGA 1.1 modelling language, its errors and its conditions.

Two rules are stricter than OpenFGA's: operators of different kinds need parentheses between them, and no relation may
depend on its own absence (it would have no meaning when the facts form a cycle).
"""

from accesskit.language.conditions import CompiledCondition, ConditionFailed, compile_condition
from accesskit.language.model import BadModel, Model
from accesskit.language.parsing import read_model
from accesskit.language.validation import validate_model
from accesskit.language.values import BadValue
from accesskit.language.writing import to_dsl

__all__ = [
    "BadModel",
    "BadValue",
    "CompiledCondition",
    "ConditionFailed",
    "Model",
    "compile_condition",
    "parse_model",
    "to_dsl",
]


def parse_model(text: str) -> Model:
    """The valid model that `text` says; raises `BadModel` with line and column."""
    model = read_model(text)
    validate_model(model)
    return model
