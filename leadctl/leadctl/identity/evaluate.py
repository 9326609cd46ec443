"""`leadctl identity evaluate`: a matching model tried on any CSV whose true customers are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape

from leadctl.presentation import AsJson, complain, plain_table, print_json, screen

if TYPE_CHECKING:
    from matchkit.evaluation import Agreement, Ratio
    from matchkit.model import Model
    from matchkit.tables import ColumnMap, Row
    from matchkit.trials import Trial
    from rich.console import Console

Files = Annotated[
    list[Path],
    typer.Argument(exists=True, dir_okay=False, help="CSV files; several are put together."),
]


def evaluate_model(  # noqa: PLR0913, PLR0917 - each is an option of the command
    files: Files,
    column_map: Annotated[
        str, typer.Option("--map", help="A YAML file of columns, or the name of a shipped one.")
    ],
    truth: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="CSV: row id, true customer.")
    ] = None,
    truth_column: Annotated[str, typer.Option(help="The column of the true customer.")] = "",
    model: Annotated[str, typer.Option(help="A shipped model's name, or a YAML file.")] = "cn-b2b",
    without: Annotated[list[str] | None, typer.Option(help="A field to hide.")] = None,
    shuffles: Annotated[int, typer.Option(min=0, max=1000, help="Further orders to try.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the shuffles and of estimation.")] = 1,
    *,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Estimate the weights from these rows.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Match a file's rows one at a time and say how well that met the truth; reads no label before."""
    from matchkit.errors import MatchingError
    from matchkit.trials import run_trial

    try:
        spec = _model(model)
        rows = _rows(files, _columns(column_map, truth_column), truth)
        fields = [_without(row, without or ()) for row in rows]
        fitted = _fitted(spec, fields, seed=seed, always=estimate)
        trial = run_trial(fitted, fields, [row.truth for row in rows], seed=seed, shuffles=shuffles)
    except MatchingError as problem:
        complain(str(problem))
        raise typer.Exit(2) from None
    if as_json:
        print_json({"model": fitted.version, **as_figures(trial)})
    else:
        _render(screen(), fitted, trial)


def as_figures(trial: Trial) -> dict[str, Any]:
    """A trial as plain values, each share beside what it is a share of."""
    report = trial.report
    figures: dict[str, Any] = msgspec.to_builtins(trial)
    figures["report"]["pairs"]["f1"] = report.pairs.f1
    figures["report"]["customers"]["f1"] = report.customers.f1
    return figures


def _model(name: str) -> Model:
    from matchkit.model import Model
    from matchkit.shipped import shipped_model

    path = Path(name)
    return Model.load(path) if path.is_file() else shipped_model(name)


def _columns(name: str, truth_column: str) -> ColumnMap:
    from matchkit.shipped import shipped_columns
    from matchkit.tables import ColumnMap, TruthColumn

    path = Path(name)
    columns = ColumnMap.load(path) if path.is_file() else shipped_columns(name)
    if truth_column:
        return msgspec.structs.replace(columns, truth=TruthColumn(truth_column))
    return columns


def _rows(files: list[Path], columns: ColumnMap, truth: Path | None) -> list[Row]:
    """The rows of all files with their truth; raises `TableInvalid` for a row that has none."""
    from matchkit.tables import TableInvalid, read_rows, read_truth

    rows = [row for file in files for row in read_rows(file, columns)]
    known = read_truth(truth) if truth is not None else None
    if known is not None:
        rows = [msgspec.structs.replace(row, truth=known.get(row.id, "")) for row in rows]
    lost = next((at for at, row in enumerate(rows, start=2) if not row.truth), None)
    if lost is not None:
        raise TableInvalid(files[0].name, lost, "the true customer is not known")
    return rows


def _without(row: Row, hidden: list[str] | tuple[str, ...]) -> dict[str, str | list[str]]:
    return {name: text for name, text in row.fields.items() if name not in hidden}


def _fitted(
    spec: Model, fields: list[dict[str, str | list[str]]], *, seed: int, always: bool
) -> Model:
    from matchkit.estimation import estimate

    if not always and all(field.weights for field in spec.fields):
        return spec
    return estimate(spec, [spec.read(row) for row in fields], seed=seed)


def _render(console: Console, model: Model, trial: Trial) -> None:
    report = trial.report
    console.print(
        f"{report.records} records, {report.true_customers} true customers, "
        f"{report.found_customers} found by model {escape(model.version)}"
    )
    table = plain_table("", "F1", "precision", "recall", numbers=("F1",))
    table.add_row("pairs of records", *_scores(report.pairs))
    table.add_row("customers found exactly", *_scores(report.customers))
    console.print(table)
    console.print(f"over-merged records     {_share(report.over_merged)}")
    console.print(f"duplicates before       {_share(report.duplicates_before)} records")
    console.print(f"duplicates left         {_share(report.duplicates_after)} customers found")
    console.print(f"pairs left to a clerk   {trial.waiting}; keys of hubs {trial.hubs}")
    if trial.order.shuffles:
        console.print(
            f"other orders            {trial.order.differing} of {trial.order.shuffles} differ, "
            f"in {trial.order.records} records"
        )
    reliability = plain_table(
        "posterior", "right", "pairs", numbers=("posterior", "right", "pairs")
    )
    for each in trial.calibration:
        reliability.add_row(f"{each.predicted:.3f}", f"{each.observed:.3f}", str(each.pairs))
    console.print(reliability)
    rate = report.records / trial.cpu_s if trial.cpu_s else 0.0
    console.print(f"read and placed         {rate:.0f} records per CPU second")


def _scores(agreement: Agreement) -> tuple[str, str, str]:
    return f"{agreement.f1:.5f}", _share(agreement.precision), _share(agreement.recall)


def _share(ratio: Ratio) -> str:
    return f"{ratio.share:.5f} ({ratio.part} of {ratio.whole})"
