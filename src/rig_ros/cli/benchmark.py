"""`rig_ros benchmark`: the project's headline table, from nothing; resumable, like any sweep."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from rig_ros.cli import report
from rig_ros.cli.sweep import Address, Jobs, Local, RunName, run_all
from rig_ros.cli.train import run_directory

app = typer.Typer(add_completion=False)

SHORT: dict[str, Any] = {
    'env_steps': 150, 'replay_frames': 500, 'explore.random_steps': 50, 'vae.first_steps': 2,
    'vae.refresh_every': 0, 'vae.batch_size': 8, 'td3.first_updates': 5,
    'td3.updates_per_step': 0.1, 'td3.compile': False}
"""What makes a recipe run through in seconds. Nothing is learnt in them."""
SHORT_GOALS = 2


@app.command()
def benchmark(
    short: Annotated[bool, typer.Option(
        '--short', help='One seed, few steps: checks the machinery, its figures mean nothing.',
    )] = False,
    file: Annotated[str, typer.Option(help='Another sweep.')] = 'headline',
    run: RunName = '', local: Local = False, jobs: Jobs = 1, address: Address = '',
) -> None:
    """Run the headline sweep and write its report; the same command again goes on."""
    from rig_ros.evaluation import sweep as sweeps

    config, source = sweeps.load(file)
    name = source.stem
    if short:
        config = dataclasses.replace(config, seeds=config.seeds[:1], goals=SHORT_GOALS,
                                     changes={**config.changes, **SHORT})
        name += '-short'
    directory = run_directory(run or name)
    failed = run_all(sweeps.prepare(config, source, directory), local, jobs, address)
    title = 'Headline table' + (': a short form that checks the machinery' if short else '')
    report.write([directory], directory / 'comparison', title, headline=True)
    if failed:
        raise typer.Exit(1)
