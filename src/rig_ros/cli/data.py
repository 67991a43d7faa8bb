"""`rig_ros data`: merge, split, bin, export, import, replay and find recordings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from rig_ros.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rig_ros.episodes.curation import Copied
    from rig_ros.evaluation.replaying import RecordedCommands

app = typer.Typer(no_args_is_help=True, add_completion=False,
                  help='Merge, split, bin, export, import, replay and find recordings.')
console = Console(highlight=False, soft_wrap=True)

Task = Annotated[str, typer.Option(help='Task of the recordings.')]
Json = Annotated[Path | None, typer.Option('--json', help='Write the figures here.')]


@app.command()
def merge(sources: Annotated[list[Path], typer.Argument(help='Folders of recordings.')],
          into: Annotated[Path, typer.Option(help='Folder that gets copies of all episodes.')],
          ) -> None:
    """Copy the recordings of several folders into one; repeat it after a failure."""
    from rig_ros.episodes import curation

    _say_copied(into, curation.merge(sources, into))


@app.command()
def split(source: Annotated[Path, typer.Argument(help='A folder of recordings.')],
          into: Annotated[Path, typer.Option(help='Folder that gets one folder per share.')],
          share: Annotated[list[str], typer.Option(
              help='NAME=WEIGHT; give two or more.')] = ['train=9', 'held_out=1'],  # noqa: B006
          seed: Annotated[int, typer.Option(help='Decides which episode goes where.')] = 0,
          ) -> None:
    """Copy recordings into folders by shares; whole episodes, drawn by chance."""
    from rig_ros.episodes import curation

    shares = dict(_share(text) for text in share)
    for name, copied in curation.split(source, into, shares, seed).items():
        _say_copied(into / name, copied)


def _share(text: str) -> tuple[str, float]:
    name, _, weight = text.partition('=')
    try:
        return name, float(weight)
    except ValueError as error:
        raise ConfigError(f'--share: got {text!r}, allowed: NAME=WEIGHT, for example train=9'
                          ) from error


def _say_copied(target: Path, copied: list[Copied]) -> None:
    new = sum(c.new for c in copied)
    console.print(f'{target}: {new} recordings copied, {len(copied) - new} were there already')


@app.command()
def delete(episodes: Annotated[list[Path], typer.Argument(help='Folders of episodes.')]) -> None:
    """Move episodes to the bin beside them; `restore` brings them back."""
    from rig_ros.episodes import curation

    for episode in episodes:
        console.print(f'{episode} lies in {curation.delete(episode)}')


@app.command()
def restore(root: Annotated[Path, typer.Argument(help='A folder of recordings.')],
            names: Annotated[list[str] | None, typer.Argument(
                help='Episodes in the bin; without any they are listed.')] = None) -> None:
    """Bring deleted episodes back, or list them."""
    from rig_ros.episodes import curation

    for name in names or []:
        console.print(f'restored: {curation.restore(root, name)}')
    if not names:
        for path in curation.binned(root):
            console.print(path.name)


@app.command()
def export(sources: Annotated[list[Path], typer.Argument(help='Episodes or folders of them.')],
           to: Annotated[Path, typer.Option(help='Folder to make; it must not exist.')],
           form: Annotated[Literal['lerobot', 'numpy'], typer.Option(
               help="LeRobot's dataset format 3.0, or one .npz per unbroken stretch.")]
           = 'lerobot', task: Task = 'reach_xy') -> None:
    """Write the transitions of recordings for other tools."""
    from rig_ros.episodes import export as exporting

    write = exporting.to_lerobot if form == 'lerobot' else exporting.to_numpy
    console.print(f'{to}: {write(sources, to, task)} unbroken stretches')


@app.command('import')
def import_(source: Annotated[Path, typer.Argument(help='Folder of a LeRobot 3.0 dataset.')],
            into: Annotated[Path, typer.Option(help='Folder of episodes.')],
            task: Task = 'reach_xy',
            camera: Annotated[str, typer.Option(help='Feature with the pictures.')] = '',
            column: Annotated[list[int] | None, typer.Option(
                help='Component of the action, one per axis of the task.')] = None,
            divide_by: Annotated[float, typer.Option(
                help='What the action 1.0 is in the dataset.')] = 1.0,
            episode: Annotated[list[int] | None, typer.Option(
                help='Only this episode; may be repeated.')] = None) -> None:
    """Turn a LeRobot dataset into recordings."""
    from rig_ros.episodes.lerobot_import import ImportPlan, import_lerobot

    plan = ImportPlan(task, camera, tuple(column or ()), divide_by)
    files = import_lerobot(source, into, plan, episode or ())
    console.print(f'{into}: {len(files)} episodes, {sum(f.commands for f in files)} steps')


@app.command()
def replay(episode: Annotated[Path, typer.Argument(help='One episode.')],
           task: Annotated[str, typer.Option(
               help='For recordings that do not name their task.')] = 'reach_xy',
           json_file: Json = None) -> None:
    """Execute the recorded commands again on the simulated arm, with the guard on."""
    from rig_ros.control import task as tasks
    from rig_ros.episodes.inspection import inspect_episode
    from rig_ros.evaluation.replaying import replay as execute
    from rig_ros.evaluation.report import write_json

    named = inspect_episode(episode, task).task
    done = execute(_commands(episode), tasks.load(named))
    worst, final = 100 * float(done.deviation_m.max()), 100 * float(done.deviation_m[-1])
    console.print(f'{done.steps} commands of task {named}; the hand is {worst:.2f} cm off the '
                  f'recorded path at most, {final:.2f} cm at the end')
    console.print(f'the guard refused {sum(done.refused.values())} and reduced {done.limited}')
    for reason, count in done.refused.items():
        console.print(f'  {count} x {reason}')
    if json_file is not None:
        write_json(json_file, {
            'steps': done.steps, 'refused': done.refused, 'limited': done.limited,
            'worst_deviation_m': worst / 100, 'final_deviation_m': final / 100,
            'path_m': done.path})


def _commands(episode: Path) -> RecordedCommands:
    """Return the executed commands and the hand's positions of a recording.

    Raises:
        DataError: damaged, or no commands in it.
    """
    import numpy as np

    from rig_ros.episodes import messages, schema
    from rig_ros.episodes.reading import read_messages
    from rig_ros.evaluation.replaying import RecordedCommands

    twists, poses = {}, {}
    for message in read_messages(episode):
        name = schema.local_name(message.topic)
        if name == schema.COMMAND:
            twist = messages.decode_twist(message.cdr)
            if twist.stamp_ns:  # the guard's stand-still commands belong to no picture
                twists[twist.stamp_ns] = twist.velocity
        elif name == schema.EE_POSE:
            stamp, position = messages.decode_position(message.cdr)
            poses[stamp] = position
    if not twists or not poses:
        raise DataError(f'{episode}: got {len(twists)} commands and {len(poses)} hand positions, '
                        'allowed: some of both; imported datasets have no hand positions')
    return RecordedCommands(*(np.array(part) for group in (twists, poses)
                              for part in (1e-9 * np.array(sorted(group)),
                                           [group[s] for s in sorted(group)])))


@app.command()
def catalog(root: Annotated[Path, typer.Argument(help='A folder of recordings.')],
            mode: Annotated[str, typer.Option(help='collect, practise or reach.')] = '',
            task: Annotated[str, typer.Option(help='Only of this task.')] = '',
            outcome: Annotated[str, typer.Option(help='end, abort or cut.')] = '',
            bundle_id: Annotated[str, typer.Option(help='Only with this model.')] = '',
            min_steps: Annotated[int, typer.Option(help='With so many transitions.')] = 0,
            json_file: Json = None) -> None:
    """Bring the catalog of a folder up to date, and list what fits."""
    from rig_ros.episodes.catalog import Catalog
    from rig_ros.evaluation.report import write_json

    index = Catalog(root)
    done = index.refresh()
    found = index.find(min_steps, mode=mode, task=task, outcome=outcome, bundle_id=bundle_id)
    table = Table('recording', 'mode', 'task', 'ended', 'steps', 'seconds', 'left out')
    for entry in found:
        table.add_row(entry.path, entry.mode, entry.task, entry.outcome, str(entry.steps),
                      f'{entry.duration_s:.1f}', str(entry.dropped or ''))
    console.print(table)
    console.print(f'{len(found)} of {done.entries} recordings, {sum(e.steps for e in found)} '
                  f'transitions; {done.read} read, {done.removed} forgotten, {done.unreadable} '
                  'cannot be read')
    if json_file is not None:
        write_json(json_file, {'recordings': [asdict(e) for e in found]})
