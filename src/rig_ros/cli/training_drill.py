"""`rig_ros drill training`: kill a training again and again; does it learn as if nothing was?

Each time it goes on from its last checkpoint: what it had learnt since is learnt again. The result
has to lie within the spread of trainings that nobody killed.
"""

from __future__ import annotations

import csv
import json as json_format
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from rig_ros.errors import HardwareError

PERIOD_S = 0.05
GOALS = 50
console = Console(highlight=False, soft_wrap=True)


def training(
    kills: Annotated[int, typer.Option(min=1, help='SIGKILLs, at random steps.')] = 10,
    steps: Annotated[int, typer.Option(min=100, help='Of the training.')] = 5000,
    recipe: Annotated[str, typer.Option(help='Recipe or YAML file.')] = 'reach',
    checkpoint_every: Annotated[int, typer.Option(min=1, help='Steps.')] = 250,
    best: Annotated[float, typer.Option(help='Mean distance allowed, from [m].')] = 0.0097,
    worst: Annotated[float, typer.Option(help='Mean distance allowed, to [m].')] = 0.0147,
    seed: Annotated[int, typer.Option(min=0, help='Of the training and of the moments.')] = 0,
    out: Annotated[Path, typer.Option(help='Folder for the run and its log.')]
    = Path('runs/drill_training'),
    json: Annotated[Path | None, typer.Option(help='Write the figures here.')] = None) -> None:
    """Kill a training at random moments, resume it, and measure what it learnt."""
    from rig_ros.evaluation.report import write_json

    run = out / time.strftime('%Y%m%d-%H%M%S')
    rng = np.random.default_rng(seed)
    moments = sorted(rng.integers(2 * checkpoint_every, steps, kills))
    command = [sys.executable, '-m', 'rig_ros.cli.main', 'train', recipe, '--steps', str(steps),
               '--seed', str(seed), '--run', str(run), '--goals', str(GOALS),
               '--checkpoint-every', str(checkpoint_every)]
    out.mkdir(parents=True, exist_ok=True)
    log = out / f'{run.name}.log'
    repeated = 0
    for moment in [*map(int, moments), None]:
        with log.open('ab') as stream:
            child = subprocess.Popen(command, stdout=stream, stderr=stream)
        try:
            killed_at = _kill_at(child, run / 'metrics.csv', moment, float(rng.uniform(0, 1)))
        finally:
            child.kill()
            child.wait()
        if moment is not None:
            repeated += killed_at % checkpoint_every
            console.print(f'killed at {killed_at} steps')
            if '--resume' not in command:
                command.append('--resume')
    if not (run / 'figures.json').is_file():
        raise HardwareError(f'{run}: the training did not finish; look into {log}')
    figures = json_format.loads((run / 'figures.json').read_text(encoding='utf-8'))
    mean = float(figures['mean_final_distance_m'])
    console.print(f'{kills} kills in {steps} steps, about {repeated} steps done again: mean '
                  f'[bold]{100 * mean:.2f} cm[/], allowed {100 * best:.2f} to {100 * worst:.2f}')
    write_json(json or out / 'drill_training.json', {
        'kills': kills, 'steps': steps, 'steps_repeated': repeated, 'seed': seed,
        'mean_final_distance_m': mean, 'allowed_m': [best, worst]})
    if not best <= mean <= worst:
        raise typer.Exit(1)


def _kill_at(child: subprocess.Popen[bytes], metrics: Path, moment: int | None,
             later_s: float) -> int:
    """Kill a training a little after so many steps (None: let it finish); return its steps.

    Raises:
        HardwareError: it ended before.
    """
    done, began = 0, time.time()
    while child.poll() is None:
        done = _steps(metrics, began)
        if moment is not None and done >= moment:
            time.sleep(later_s)
            child.kill()
            return _steps(metrics, began)
        time.sleep(PERIOD_S)
    if moment is not None:
        raise HardwareError(f'training: ended by itself at {done} steps with status '
                            f'{child.returncode}, before it could be killed at {moment}')
    return done


def _steps(metrics: Path, since: float) -> int:
    """Return how far a training has come that began then; the last row may be half written."""
    if not metrics.is_file() or metrics.stat().st_mtime < since:
        return 0
    with metrics.open(newline='', encoding='utf-8') as stream:
        steps = [row.get('env_steps') or '' for row in csv.DictReader(stream)]
    return max((round(float(text)) for text in steps if text.replace('.', '', 1).isdigit()),
               default=0)
