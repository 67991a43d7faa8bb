"""`rig_ros demo`: the real processes, goal pictures the model never saw, the arm acts."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rig_ros.cli.local_graph import START_S, isolate_graph, released_bundle
from rig_ros.errors import HardwareError, RigError

if TYPE_CHECKING:
    from rig_ros.evaluation.protocol import Evaluation, GoalRecord
    from rig_ros.ros.witness import Witness
    from rig_ros.simulation.environment import Goal

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)
EPISODE_S = 60.0
ATTEMPTS = 3
"""Of one goal on a fake robot, whose motion a busy machine cuts."""


@app.command(help='Reach goal pictures on the simulated Sawyer and report the distances.')
def demo(goals: Annotated[int, typer.Option(min=1, help='Goal pictures.')] = 10,
         task: Annotated[str, typer.Option(help='Task with a released model.')] = 'reach_xy',
         bundle: Annotated[str, typer.Option(help='Another model file.')] = '',
         clock: Annotated[str, typer.Option(help='lockstep (fast) or realtime.')] = 'lockstep',
         raw_camera: Annotated[bool, typer.Option(
             '--raw-camera', help='640x480 through the camera node, as on the robot.')] = False,
         robot: Annotated[bool, typer.Option(
             '--robot', help="A fake robot behind the real one's driver, in real time.")] = False,
         out: Annotated[Path, typer.Option(help='Folder of the report.')] = Path('runs/demo'),
         json: Annotated[Path | None, typer.Option(
             help='Write the figures here as well.')] = None,
         limit_m: Annotated[float, typer.Option(
             help='Exit code 1 when the median is above this [m].')] = float('inf')) -> None:
    """Run the demonstration; see the module."""
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.control import task as tasks
    from rig_ros.evaluation.protocol import Evaluation
    from rig_ros.evaluation.units import unit_of
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.witness import Witness
    from rig_ros.simulation.environment import held_out_goals

    began = time.monotonic()
    model = bundle or str(released_bundle(task))
    config = tasks.load(task)
    shutil.rmtree(out / 'run', ignore_errors=True)
    common = {'task': task, 'bundle': model, 'mode': 'reach', 'run': str(out / 'run')}
    chosen = (graph.deployment('robot', {**common, 'fake': True, 'socket': f'demo-{os.getpid()}'})
              if robot else graph.deployment('sim', {**common, 'clock': clock,
                                                     'raw_camera': raw_camera}))
    problems: list[str] = []
    records: list[GoalRecord] = []
    with Supervisor(chosen, out / 'run' / 'log',
                    report=lambda node, line: problems.append(f'{node}: {line}')) as supervisor:
        names = ', '.join(supervisor.processes)
        console.print(f'Started {names}, one process each.')
        pictures = held_out_goals(config, goals)
        try:
            with GraphClient() as client, _bar() as progress:
                witness = Witness(client)
                witness.wait_ready(START_S)
                if robot:
                    client.call(topics.ARM_ENABLE)
                ready_s = time.monotonic() - began
                bar = progress.add_task('goals', total=goals)
                for index, goal in enumerate(pictures):
                    records.append(_reach_again(witness, index, goal) if robot
                                   else _reach(witness, index, goal))
                    progress.advance(bar)
        except RigError:
            for line in problems[-10:]:
                console.print(f'[yellow]{line}[/]', markup=True)
            raise
    evaluation = Evaluation(tuple(records), config.horizon)
    wall_s = time.monotonic() - began
    _report(evaluation, out, wall_s, ready_s, json, model)
    if evaluation.summary().median > limit_m:
        unit = unit_of(evaluation.primary)
        console.print(f'[red]median {unit.text(evaluation.summary().median)} is above '
                      f'{unit.text(limit_m)}[/]')
        raise typer.Exit(1)


def _bar() -> Progress:
    return Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                    TimeElapsedColumn(), console=console)


def _reach_again(witness: Witness, index: int, goal: Goal) -> GoalRecord:
    """Reach, on a robot: again when motion was cut, after saying what a person says then."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return _reach(witness, index, goal)
        except HardwareError as error:
            if not left:
                raise
            console.print(f'[yellow]{error}; cleared, again[/]')
            for service in ('arm/enable', 'arm/clear_fault', 'estop/clear'):
                witness.graph.call(service)
    raise AssertionError('the loop returns or raises')


def _reach(witness: Witness, index: int, goal: Goal) -> GoalRecord:
    """Publish one goal picture, let the graph act, and measure."""
    from rig_ros.evaluation.protocol import GoalRecord
    from rig_ros.ros.witness import distance

    client = witness.graph
    goal_id = str(client.send_goal(goal.image_hwc_u8))

    def next_event(*kinds: str) -> dict[str, str]:
        while True:
            event = client.wait_event(*kinds, timeout_s=EPISODE_S)
            if event.get('goal_id') == goal_id:
                return event

    event = next_event('start', 'abort')
    if event['kind'] == 'abort':
        raise HardwareError(f'goal {index}: the reset was aborted: {event.get("reason")}')
    start = {name: distance(witness.truth, goal.truth, name) for name in goal.truth}
    event = next_event('end', 'abort')
    if event['kind'] == 'abort':
        raise HardwareError(f'goal {index}: the episode was aborted: {event.get("reason")}')
    client.spin_for(0.05)  # the last picture and its truth are on their way
    final = {name: distance(witness.truth, goal.truth, name) for name in goal.truth}
    return GoalRecord(index, start, final, goal.image_hwc_u8, witness.picture)


def _report(evaluation: Evaluation, out: Path, wall_s: float, ready_s: float,
            json: Path | None, model: str) -> None:
    """Print the table and write report.html, report.json and the contact sheet."""
    from rig_ros.evaluation.pictures import contact_sheet, png
    from rig_ros.evaluation.report import Figure, evaluation_tables, write_json, write_report
    from rig_ros.evaluation.units import unit_of

    name = evaluation.primary
    unit = unit_of(name)
    table = Table('goal', 'start', 'final', title=f'Distance of the {name} to the goal')
    for record in evaluation.records:
        table.add_row(str(record.index), unit.text(record.do_nothing[name]),
                      unit.text(record.final[name]))
    console.print(table)
    figures = {**evaluation.figures(), 'wall_s': wall_s, 'ready_s': ready_s, 'model': model}
    console.print(f"median [bold]{unit.text(figures['median_final_distance_m'])}[/], mean "
                  f"{unit.text(figures['mean_final_distance_m'])}; doing nothing "
                  f"{unit.text(figures['do_nothing_m'])}; {wall_s:.0f} s in all")
    sheet = png(contact_sheet(
        [(r.goal_image, r.final_image) for r in evaluation.records],
        [unit.text(r.final[name]) for r in evaluation.records], scale=2))
    out.mkdir(parents=True, exist_ok=True)
    (out / 'contact_sheet.png').write_bytes(sheet)
    path = write_report(
        out, 'Reaching goal pictures', figures,
        figures=[Figure('Goal | final picture', sheet, 'Left of each pair: the picture that was '
                        'published. Right: what the camera saw after the last step.')],
        tables=evaluation_tables(evaluation),
        lead='Real processes, connected by ROS 2 only. The goal pictures were never trained on.')
    if json is not None:
        write_json(json, figures)
    console.print(f'report: {path}')
