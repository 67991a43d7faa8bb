"""`rig_ros doctor`: is this machine fit, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rig_ros.cli import checks
from rig_ros.cli.findings import Words, report

app = typer.Typer(add_completion=False)
WORDS = Words(wrong='missing', note='absent', fit='this machine is fit',
              unfit='something essential is missing', name_width=14)


@app.command()
def doctor(json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write the findings here as well.')] = None) -> None:
    """Check this machine; exit code 1 when something essential is missing."""
    report(checks.run_all(), WORDS, json_file)
