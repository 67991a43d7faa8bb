"""`rig_ros train`: learn a task from nothing in simulation, in one process, without ROS."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rig_ros.processes import thread_settings

if TYPE_CHECKING:
    from rig_ros.control.task import TaskConfig
    from rig_ros.evaluation.outside_run import OutsideRun
    from rig_ros.learning.arithmetic import Device
    from rig_ros.learning.config import TrainConfig
    from rig_ros.learning.progress import Progress as Step

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)
RUNS = Path('runs')
DeviceName = Annotated[str, typer.Option(
    help='Of the networks: cpu, cuda, or auto, a GPU if there is one.')]
PHASES = {'collect': 'practise', 'vae': 'representation', 'policy': 'policy'}


@app.command()
def train(
    config: Annotated[str, typer.Argument(help='A recipe of config/train, or a YAML file.')],
    steps: Annotated[int | None, typer.Option(
        min=1, help="Environment steps; the recipe's own if not given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help='Decides everything random.')] = 0,
    run: Annotated[str, typer.Option(
        help='Name below runs/, or a path; recipe, seed and time if not given.')] = '',
    goals: Annotated[int, typer.Option(min=1, help='Held-out goals of the last evaluation.')] = 50,
    json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write the figures here too.')] = None,
    resume: Annotated[bool, typer.Option(
        '--resume', help='Go on with --run from its checkpoint.')] = False,
    checkpoint_every: Annotated[int, typer.Option(
        min=1, help='Steps between two checkpoints; a killed run goes on from the last.')] = 2500,
    threads: Annotated[int, typer.Option(
        min=1, help='Of torch. Two are nearly twice as fast on two idle cores, and as fast as one '
                    'where something else keeps both busy.')] = 1,
    device: DeviceName = 'cpu',
    processes: Annotated[int, typer.Option(
        min=1, help='That learn together, each with a share of every minibatch: on a GPU each, or '
                    'on the processor.')] = 1,
    release: Annotated[Path | None, typer.Option(
        help='Copy the model here, for example models/reach, with a model card.')] = None,
) -> None:
    """Learn a task from nothing in simulation, without ROS; leaves a model and a report."""
    use_threads(threads)
    from rig_ros.control import task as tasks
    from rig_ros.errors import ConfigError
    from rig_ros.evaluation import headline
    from rig_ros.evaluation.report import write_json
    from rig_ros.evaluation.training import TrainingRun, require_releasable
    from rig_ros.learning import config as configs
    from rig_ros.learning.arithmetic import auto_compiles, device_of
    from rig_ros.learning.compiler import missing_to_compile
    from rig_ros.learning.team import ALONE, require_shareable
    from rig_ros.simulation.environment import SawyerEnv
    from rig_ros.simulation.state_environment import SawyerStateEnv

    if resume and not run:
        raise ConfigError('--resume: got no --run, allowed: the name of the run to go on with')
    named = checked_device(device)
    recipe = configs.load(config)
    # Refuses before a folder is made.
    where = device_of(named)
    require_shareable(processes, recipe, where)
    directory = run_directory(run or '-'.join(
        (Path(config).stem, f's{seed}', time.strftime('%Y%m%d-%H%M%S'))))
    if resume:
        recipe = resumed_recipe(directory, recipe, steps is None)
    if steps is not None:
        recipe = dataclasses.replace(recipe, env_steps=steps)
    if release is not None:
        require_releasable(recipe)
    task = tasks.load(recipe.task)
    practised = dataclasses.replace(
        task, reset_free=task.reset_free or recipe.explore.reset_free,
        pucks_present=None if recipe.explore.every_object else task.pucks_present)
    seen = SawyerStateEnv if recipe.encoder == 'state' else SawyerEnv
    environment = seen(task, seed, recipe.image_size, practised)
    bars = Bars(recipe.env_steps)
    told: dict[str, Any] = {'progress': bars.update, 'evaluated': bars.evaluated,
                            'milestones': headline.milestones(task.name)}
    if (recipe.td3.compile == 'auto' and auto_compiles(where, processes)
            and (missing := missing_to_compile())):
        console.print(f'updates are not compiled, and slower for it: there is no {missing}')
    try:
        training = (outside_run(directory, recipe, task, environment, seed, **told)
                    if recipe.agent == 'stable_baselines3' else
                    TrainingRun(directory, recipe, task, environment, seed, resume=resume,
                                checkpoint_every=checkpoint_every, device=named,
                                processes=processes,
                                state_dim=getattr(environment, 'state_dim', 0), **told))
        with bars, contextlib.closing(getattr(training, 'team', ALONE)):
            training.train()
            figures = training.finish(goals, {'command': ' '.join(['rig_ros', *sys.argv[1:]])})
    except KeyboardInterrupt:
        console.print(f'stopped; go on with: rig_ros train {config} --run {directory} --resume')
        raise typer.Exit(130) from None
    finally:
        environment.close()
    show(figures)
    if release is not None:
        console.print(f'released {training.release(release)}')
    if json_file is not None:
        write_json(json_file, figures)


def outside_run(directory: Path, recipe: TrainConfig, task: TaskConfig, environment: Any,
                seed: int, **told: Any) -> OutsideRun:
    """Return a run of Stable-Baselines3's agent, which practises in an environment of its own.

    Raises:
        ConfigError: Gymnasium or Stable-Baselines3 is not installed.
    """
    from rig_ros.evaluation.outside_run import OutsideRun, require_installed

    require_installed()
    from rig_ros.simulation.gym import SawyerGoalEnv

    return OutsideRun(directory, recipe, task, environment, SawyerGoalEnv(task), seed, **told)


def checked_device(name: str) -> Device:
    """Return what `--device` names.

    Raises:
        ConfigError: it is none of them.
    """
    from rig_ros.settings import require

    require(name in ('cpu', 'cuda', 'auto'), '--device', name, 'cpu, cuda or auto')
    return cast('Device', name)


def use_threads(threads: int) -> None:
    """Decide torch's threads; call it before torch is imported."""
    os.environ.update(thread_settings(threads))


def run_directory(name: str) -> Path:
    """Return the folder of a run: below runs/, unless the name is a path."""
    return Path(name) if '/' in name else RUNS / name


def resumed_recipe(directory: Path, recipe: TrainConfig, same_length: bool) -> TrainConfig:
    """Return the recipe of the run to go on with.

    Raises:
        ConfigError: it is not the recipe that was asked for; its length may differ.
    """
    from rig_ros import settings
    from rig_ros.errors import ConfigError
    from rig_ros.evaluation.run_files import RunFiles
    from rig_ros.learning.config import TrainConfig

    files = RunFiles(directory)
    files.require_resumable()
    kept = settings.load(TrainConfig, files.config)
    if dataclasses.replace(kept, env_steps=recipe.env_steps) != recipe:
        raise ConfigError(f'--resume: {files.config} differs from the recipe that was given, '
                          f'allowed: the same one; resume with: rig_ros train {files.config}')
    return kept if same_length else recipe


def show(figures: dict[str, Any]) -> None:
    """Print a run's figures."""
    from rig_ros.evaluation.protocol import primary_of
    from rig_ros.evaluation.report import REPORT_HTML
    from rig_ros.evaluation.units import amount

    main = primary_of(figures['objects'])
    console.print(
        f"[bold]{figures['task']}[/], seed {figures['seed']}, {figures['env_steps']} steps in "
        f"{figures['wall_s']:.0f} s (evaluation {figures['evaluation_wall_s']:.0f} s)")
    console.print(
        f"final distance on {figures['goals']} held-out goals: "
        f"median [bold]{amount(figures['median_final_distance_m'], main)}[/], "
        f"mean [bold]{amount(figures['mean_final_distance_m'], main)}[/] "
        f"(doing nothing: {amount(figures['do_nothing_m'], main)})")
    if 'bundle' in figures:
        console.print(f"model   {figures['bundle']}")
    console.print(f"report  {figures['run']}/{REPORT_HTML}")


class Bars:
    """Two progress bars: environment steps in all, and the phase under way."""

    def __init__(self, steps: int) -> None:
        """Draw nothing until entered."""
        self._progress = Progress(
            TextColumn('{task.description:<16}'), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn('left'), TimeRemainingColumn(),
            TextColumn('{task.fields[figures]}'), console=console)
        self._steps = self._progress.add_task('steps', total=steps, figures='')
        self._phase = self._progress.add_task('', total=1, figures='')

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    def update(self, event: Step) -> None:
        """Show how far the run is."""
        self._progress.update(self._steps, completed=event.env_steps)
        self._progress.update(self._phase, visible=event.phase == 'vae', completed=event.done,
                              total=event.total, description=PHASES[event.phase])

    def evaluated(self, env_steps: int, distances: Mapping[str, float]) -> None:
        """Show the newest quick evaluation; print it where no bar can be drawn."""
        from rig_ros.evaluation.units import amount

        figures = ', '.join(f'{name.split("_")[0]} {amount(value, name.split("_")[0])}'
                            for name, value in distances.items() if '_median_' in name)
        self._progress.update(self._steps, figures=figures)
        if not console.is_terminal:
            console.print(f'{env_steps} steps: median {figures}')
