"""The models and column maps that come with this library, by name."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from matchkit.errors import ModelInvalid
from matchkit.model import Model
from matchkit.tables import ColumnMap

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MODELS = files("matchkit") / "models"
COLUMNS = "-columns"


def model_names() -> list[str]:
    """The names that `shipped_model` knows."""
    names = (file.name.removesuffix(".yaml") for file in MODELS.iterdir())
    return sorted(name for name in names if not name.endswith((COLUMNS, ".py", "__")))


def shipped_model(name: str) -> Model:
    """A model of this library; raises `ModelInvalid` when there is none of that name."""
    with as_file(_file(name)) as path:
        return Model.load(path)


def shipped_columns(name: str) -> ColumnMap:
    """The column map of the sets that a model of this library is for; raises `ModelInvalid`."""
    with as_file(_file(name + COLUMNS)) as path:
        return ColumnMap.load(path)


def _file(name: str) -> Traversable:
    found = MODELS / f"{name}.yaml"
    if not name.replace("-", "").isalnum() or not found.is_file():
        raise ModelInvalid(f"there is no model {name!r}; there are {', '.join(model_names())}")
    return found
