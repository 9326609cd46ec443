"""The relation language: a subset of the OpenFGA 1.1 modelling language, its errors and its conditions."""

from accesskit.language.model import BadModel, Model

__all__ = ["BadModel", "Model", "parse_model", "to_dsl"]


def parse_model(text: str) -> Model:
    """The model that `text` says; raises `BadModel` with line and column."""
    raise NotImplementedError(text)


def to_dsl(model: Model) -> str:
    """The model as text that `parse_model` and OpenFGA read."""
    raise NotImplementedError(model)
