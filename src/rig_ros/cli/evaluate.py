"""`rig_ros evaluate`: measure a model on goal pictures it was never trained on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from rig_ros.control.task import TaskConfig
    from rig_ros.learning.bundle import Bundle
    from rig_ros.learning.manifest import Manifest
    from rig_ros.simulation.environment import Goal

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


def bundle_path(name: str) -> Path:
    """Return the bundle file for a path, a run's folder, or the name of a released model.

    Raises:
        ConfigError: nothing of that name, or a folder without exactly one bundle.
    """
    from rig_ros import resources
    from rig_ros.errors import ConfigError

    path = Path(name)
    if not path.exists() and '/' not in name and not path.suffix:
        path = resources.find('models', name)
    if not path.is_dir():
        return path
    found = sorted(p for p in path.glob('*.safetensors') if p.name != 'checkpoint.safetensors')
    if len(found) != 1:
        raise ConfigError(f'bundle: got the folder {path} with {[p.name for p in found]}, '
                          'allowed: exactly one bundle in it; name the file')
    return found[0]


@app.command()
def evaluate(
    bundle: Annotated[str, typer.Argument(help='A bundle file, a run, or a model of models/.')],
    task: Annotated[str, typer.Option(
        help="Refuse a model of any other task; the model's own if not given.")] = '',
    goals: Annotated[int, typer.Option(min=1, help='Number of held-out goals.')] = 50,
    seed: Annotated[int | None, typer.Option(
        min=0, help='Draws other goals than the fixed ones of every report.')] = None,
    resets: Annotated[bool, typer.Option(
        '--resets/--no-resets',
        help="Begin each goal's episode at the task's start, or where the one before ended.",
    )] = True,
    pucks: Annotated[int | None, typer.Option(
        min=1, help='So many pucks in every episode, of a task that has several.')] = None,
    probe: Annotated[int, typer.Option(
        min=0, help='Goal pictures (40 or more; 800 tell enough) for saying what latents tell of '
                    'where things are; 0 does not.')] = 0,
    report: Annotated[Path | None, typer.Option(
        help='Write report.html and report.json into this folder.')] = None,
    json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write the figures here.')] = None,
) -> None:
    """Measure a model on goal pictures it was never trained on, beside doing nothing."""
    from rig_ros.control import task as tasks
    from rig_ros.evaluation import protocol
    from rig_ros.evaluation.probe import LEAST_PICTURES
    from rig_ros.evaluation.report import evaluation_tables, write_json, write_report
    from rig_ros.evaluation.training_report import evaluation_figures, model_figures
    from rig_ros.evaluation.units import amount
    from rig_ros.learning import bundle as bundles
    from rig_ros.settings import require
    from rig_ros.simulation.environment import HELD_OUT_SEED, SawyerEnv

    require(probe == 0 or probe >= LEAST_PICTURES, '--probe', probe,
            f'0, or {LEAST_PICTURES} or more')
    began = time.monotonic()
    path = bundle_path(bundle)
    model = bundles.load(path, tasks.load(task).name if task else None)
    manifest = model.manifest
    chosen = task_of(manifest)
    if pucks is not None:
        require(pucks <= len(chosen.pucks), '--pucks', pucks,
                f'no more than the task has ({chosen.name}: {len(chosen.pucks)})')
        chosen = dataclasses.replace(chosen, pucks_present=(pucks, pucks))
    goal_seed = HELD_OUT_SEED if seed is None else seed
    require(resets or not chosen.pucks_vary, '--no-resets', chosen.name,
            'a task with the same objects in every episode')
    environment = SawyerEnv(chosen, goal_seed,
                            practised=dataclasses.replace(chosen, reset_free=not resets))
    try:
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task('goals', total=goals)
            result = protocol.run(
                model, environment, environment.held_out_goals(goals, goal_seed), chosen.horizon,
                lambda done: progress.update(bar, completed=done), resets=resets)
        wall_s = time.monotonic() - began
        probed = environment.held_out_goals(probe, goal_seed + 1)
    finally:
        environment.close()
    figures = {**result.figures(), 'wall_s': wall_s,
               'env_steps': manifest.run.get('env_steps'), 'seed': goal_seed,
               'task': chosen.name, 'pucks': pucks, 'resets': resets, 'bundle': str(path),
               'bundle_id': model.bundle_id}
    for name, values in figures['objects'].items():
        low, high = values['mean_95']
        console.print(
            f'{name}: median [bold]{amount(values["median_final_distance_m"], name)}[/], mean '
            f'[bold]{amount(values["mean_final_distance_m"], name)}[/] (95 % {amount(low, name)} '
            f'to {amount(high, name)}), worst {amount(values["worst_m"], name)}, doing nothing '
            f'{amount(values["do_nothing_m"], name)}')
    if probe:
        figures['probe'] = _probe(model, probed)
    if report is not None:
        images = [record.goal_image for record in result.records[:8]]
        page = write_report(report, f'Evaluation of {path}', figures,
                            evaluation_figures(result) + model_figures(model, images),
                            evaluation_tables(result))
        console.print(f'report {page}')
    if json_file is not None:
        write_json(json_file, figures)


def _probe(model: Bundle, goals: Sequence[Goal]) -> dict[str, dict[str, float]]:
    """Print what the latents of goals tell, and return it by object [m; rad]."""
    from rig_ros.evaluation.probe import read
    from rig_ros.evaluation.units import amount

    readings = read([model.encode(goal.image_hwc_u8)[0] for goal in goals],
                    [goal.truth for goal in goals])
    for name, reading in readings.items():
        console.print(
            f'{name} in the picture with the nearest latent: {amount(reading.nearest, name)} off '
            f'(at best {amount(reading.best, name)}, by chance {amount(reading.chance, name)}); '
            f'read linearly: {amount(reading.linear, name)} off')
    return {name: dataclasses.asdict(reading) for name, reading in readings.items()}


def task_of(manifest: Manifest) -> TaskConfig:
    """Return the task a model was trained on, with pictures of its size."""
    from rig_ros.control import task as tasks

    return dataclasses.replace(tasks.load(manifest.task), image_size=manifest.image_size)
