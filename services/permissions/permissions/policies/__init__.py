"""The policy that a new installation starts with; from then on the log says which one is live."""

from importlib.resources import files


def default_policy() -> str:
    """The document of the CRM's default policy (YAML)."""
    return files("permissions.policies").joinpath("crm.yaml").read_text("utf-8")
