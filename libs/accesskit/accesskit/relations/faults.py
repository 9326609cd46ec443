"""Why a fact or a question is refused."""

from servicekit.errors import Invalid


class UnknownRelation(Invalid):
    """The model has no such relation of such a type."""

    def __init__(self, resource_type: str, relation: str) -> None:
        super().__init__(f"the model has no relation {resource_type}#{relation}")
        self.resource_type = resource_type
        self.relation = relation


class FactRefused(Invalid):
    """The model does not allow this kind of fact; ids are not told."""

    def __init__(self, resource_type: str, relation: str, reason: str) -> None:
        super().__init__(f"a fact of {resource_type}#{relation} is refused: {reason}")
        self.resource_type = resource_type
        self.relation = relation
        self.reason = reason


class TooDeep(Invalid):
    """The facts nest deeper, or lead to more places, than a check may follow: the answer is unknown, not no."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"the relation cannot be decided: {limit}")
        self.limit = limit
