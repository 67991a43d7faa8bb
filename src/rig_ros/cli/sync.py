"""`rig_ros sync`: finished recordings to another machine, once or again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rig_ros.errors import HardwareError

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def sync(
    source: Annotated[Path, typer.Argument(help='Folder of episodes, for example '
                                                'runs/latest/episodes.')],
    target: Annotated[str, typer.Argument(help='Folder, or user@host:folder.')],
    every: Annotated[float, typer.Option(
        min=0.0, help='Repeat after so many seconds, also after failures; 0: once.')] = 0.0,
    shell: Annotated[str, typer.Option(help="rsync's remote shell, for example "
                                            "'ssh -p 2222'.")] = '',
) -> None:
    """Send finished recordings that the target does not have; a cut is resumed."""
    from rig_ros.episodes import transfer

    while True:
        try:
            done = transfer.sync(source, target, shell)
            if done.sent or not every:
                console.print(f'{len(done.sent)} of {done.finished} recordings sent to {target}')
        except HardwareError as error:
            if not every:
                raise
            console.print(f'[yellow]{error}[/]')
        if not every:
            return
        time.sleep(every)
