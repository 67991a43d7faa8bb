"""What a check found, and how `doctor` and `preflight` tell it: as it comes, then the verdict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    ok: bool
    found: str
    remedy: str = ''
    """What to do; shown when not ok."""
    essential: bool = True
    """Whether the project is of no use without it."""


@dataclass(frozen=True)
class Words:
    """How a verb says it."""

    wrong: str
    """Before a finding that is essential; its length is the width of that column."""
    note: str
    """Before one that is not."""
    fit: str
    unfit: str
    name_width: int


def report(findings: Iterable[Finding], words: Words, json_file: Path | None) -> None:
    """Print findings as they come, write them where asked, and say whether all is well.

    Raises:
        typer.Exit: always; code 1 when something essential is wrong.
    """
    width, told = len(words.wrong), []
    for finding in findings:
        told.append(finding)
        mark = (f'[green]{"ok":<{width}}[/]' if finding.ok else
                f'[bold red]{words.wrong}[/]' if finding.essential else
                f'[yellow]{words.note:<{width}}[/]')
        console.print(f'{mark}  {finding.name:<{words.name_width}} {escape(finding.found)}')
        if not finding.ok:
            console.print(f'{"":<{width + 2}}{"":<{words.name_width}} '
                          f'[dim]{escape(finding.remedy)}[/]')
    fit = all(finding.ok for finding in told if finding.essential)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(
            {'fit': fit, 'checks': [dataclasses.asdict(f) for f in told]}, indent=1))
    console.print(f'[bold green]{words.fit}[/]' if fit else f'[bold red]{words.unfit}[/]')
    raise typer.Exit(0 if fit else 1)
