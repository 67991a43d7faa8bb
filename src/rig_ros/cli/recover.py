"""`rig_ros recover`: every whole step of recordings that a crash or a full disk cut off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rig_ros.episodes.recovery import RecoveryReport

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def recover(
    path: Annotated[Path, typer.Argument(
        help='A recordings folder, the folder of an episode, or a .mcap or .mcap.part file.')],
    json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write what was done here.')] = None,
) -> None:
    """Save every whole step of recordings that were cut off; the originals stay as they are."""
    from rig_ros.episodes import recovery
    from rig_ros.evaluation.report import write_json

    reports = recovery.recover(path)
    if json_file is not None:
        write_json(json_file, {'recordings': [as_json(report) for report in reports]})
    changed = [report for report in reports if report.outcome != 'intact']
    if changed:
        console.print(table(changed))
    intact = len(reports) - len(changed)
    console.print(f'{len(reports)} recordings, {intact} intact'
                  + ('' if reports else f'; none found below {path}'))


def as_json(report: RecoveryReport) -> dict[str, Any]:
    """Return a report as JSON values."""
    file = report.file
    return {'source': str(report.source), 'outcome': report.outcome,
            'target': str(report.target) if report.target else None,
            'images': file.images if file else None, 'commands': file.commands if file else None,
            'findings': list(report.findings)}


def table(reports: list[RecoveryReport]) -> Table:
    """Return what became of the recordings that were not intact."""
    result = Table('recording', 'what', 'pictures', 'commands', 'damage')
    for report in reports:
        name = str((report.target or report.source).name)
        file = report.file
        result.add_row(name, report.outcome, str(file.images) if file else '',
                       str(file.commands) if file else '', '; '.join(report.findings))
    return result
