"""`rig_ros doctor`: is this machine fit, and if not, what to do."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rig_ros.cli import checks

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def doctor(json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write the findings here as well.')] = None) -> None:
    """Check this machine; exit code 1 when something essential is missing."""
    findings = []
    for finding in checks.run_all():
        findings.append(finding)
        mark = ('[green]ok[/]     ' if finding.ok else
                '[bold red]missing[/]' if finding.essential else '[yellow]absent[/] ')
        console.print(f'{mark}  {finding.name:<14} {escape(finding.found)}')
        if not finding.ok:
            console.print(f'         {"":<14} [dim]{escape(finding.remedy)}[/]')
    fit = all(finding.ok for finding in findings if finding.essential)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(
            {'fit': fit, 'checks': [dataclasses.asdict(f) for f in findings]}, indent=1))
    console.print('[bold green]this machine is fit[/]' if fit else
                  '[bold red]something essential is missing[/]')
    raise typer.Exit(0 if fit else 1)
