"""`rig_ros report`: runs and sweeps compared on one page, with CSV files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rig_ros.cli.train import run_directory

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(
        help='Of runs or sweeps: names below runs/, or paths.')],
    out: Annotated[Path | None, typer.Option(
        help='Folder of the report; comparison/ in the first run if not given.')] = None,
    headline: Annotated[bool, typer.Option(
        '--headline', help='The headline table of these runs first.')] = False,
) -> None:
    """Compare runs by task and method: tables beside published figures, curves, pictures, CSV."""
    directories = [run_directory(name) for name in runs]
    write(directories, out or directories[0] / 'comparison', ', '.join(runs), headline)


def write(directories: Sequence[Path], out: Path, title: str, headline: bool) -> Path:
    """Write the page, print its tables, and return its path."""
    from rig_ros.evaluation import comparison, comparison_report
    from rig_ros.evaluation import headline as headlines
    from rig_ros.evaluation.sweep import last_words

    groups, unfinished = comparison.load(directories)
    begun = [path for path in unfinished if path.is_dir()]
    not_begun = len(unfinished) - len(begun)
    logs = {path.name: path.parents[1] / 'logs' / f'{path.name}.log' for path in begun}
    reasons = {name: last_words(log) or 'no log tells why' for name, log in logs.items()}
    leading = [headlines.table(groups)] if headline else []
    tables = [*leading, *comparison_report.task_tables(groups)]
    page = comparison_report.write_comparison(out, title, groups, tables, reasons, not_begun)
    for content in tables:
        table = Table(title=content.title)
        for number, column in enumerate(content.columns):
            table.add_column(column, no_wrap=number == 0)  # a method cut off names none
        for row in content.rows:
            table.add_row(*map(str, row))
        console.print(table)
    for name, reason in reasons.items():
        console.print(f'{name} did not finish: {reason}', markup=False)
    if not_begun:
        console.print(f'{not_begun} more were not begun')
    console.print(f'report  {page}')
    return page
