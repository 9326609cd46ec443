"""How the tests are shared out when several processes run them."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keeps a file's tests together, and whole stacks in one process, so that no two of them compete."""
    group = "whole stacks" if _is_of_a_stack(item) else str(item.path)
    item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest."""
    items.sort(key=_is_of_a_stack, reverse=True)


def _is_of_a_stack(item: pytest.Item) -> bool:
    return item.get_closest_marker("e2e") is not None
