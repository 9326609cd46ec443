"""Shows how far the demonstration is: bars in a terminal, a line for each fifth elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import TaskID

FIFTHS = 5


class Watcher(Protocol):
    """Somebody who is told how far things are."""

    def step(self, text: str) -> None:
        """Something was done."""

    def reached(self, name: str, done: int, total: int) -> None:
        """`done` of `total` have reached the stage `name`."""


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """The watcher that fits the console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(console, progress)


class _Bars:
    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def step(self, text: str) -> None:
        self._console.print(f"[green]+[/] {escape(text)}")

    def reached(self, name: str, done: int, total: int) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done, total=total)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, int] = {}

    def step(self, text: str) -> None:
        self._console.print(f"+ {escape(text)}")

    def reached(self, name: str, done: int, total: int) -> None:
        fifth = done * FIFTHS // total if total else FIFTHS
        if fifth > self._told.get(name, 0):
            self._told[name] = fifth
            self._console.print(f"  {name}: {done} of {total}")
