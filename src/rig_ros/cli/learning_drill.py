"""`rig_ros drill learning`: learn to reach from nothing, in real time, trainer on another machine.

The robot (the simulated arm, by the wall clock) practises and records; the trainer is in a network
namespace of its own, gets recordings by `rig_ros sync` and sends models back, all across a cable
that may be cut on the way. Afterwards each model that the robot used is measured on held-out
goals: after how many seconds of robot time was it good enough?
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rig_ros.cli import cable
from rig_ros.cli.evaluate import task_of
from rig_ros.cli.local_graph import START_S, isolate_graph
from rig_ros.errors import RigError
from rig_ros.processes import end

PORT = 8730
SYNC_EVERY_S = 2.0
RESTART_S = 12.0
"""Episodes are started again after so long without word of one: a busy machine cuts some short."""
KEPT_MODELS = 1000
console = Console(highlight=False, soft_wrap=True)


@dataclasses.dataclass(frozen=True)
class Used:
    """A model from the moment the robot used it."""

    bundle_id: str
    robot_s: float
    """Since the first episode was started [s]."""
    steps: int
    """Control steps done by then."""


class Practice:
    """What the robot does meanwhile: steps, episodes, the models it uses."""

    def __init__(self, graph: Any) -> None:
        from rig_ros.ros import topics

        self.used: list[Used] = []
        self.steps = self.ended = self.aborted = 0
        self._graph = graph
        self._began_s = self._heard_s = 0.0
        graph.subscribe(topics.EPISODE_EVENTS, self._on_event)
        graph.subscribe(topics.MODEL_STATUS, self._on_status)

    def _on_event(self, message: Any) -> None:
        from rig_ros.ros.conversions import message_to_values

        values = message_to_values(message)
        self._heard_s = time.monotonic()
        self._began_s = self._began_s or self._heard_s
        if values['kind'] in ('end', 'abort'):
            self.steps += int(values.get('steps', 0))
            self.ended += values['kind'] == 'end'
            self.aborted += values['kind'] == 'abort'

    def _on_status(self, message: Any) -> None:
        from rig_ros.ros.conversions import message_to_values

        values = message_to_values(message)
        known = {used.bundle_id for used in self.used}
        if values.get('node') == 'policy' and values['active'] not in ('', *known):
            self.used.append(Used(values['active'], time.monotonic() - self._began_s, self.steps))

    def go_on(self, seconds: float, until: Iterator[None] | None = None) -> None:
        """Practise for so long, or while the iterator lasts; begin anew what was cut short."""
        from rig_ros.ros import topics

        deadline = time.monotonic() + seconds
        while next(until, 'over') is None if until else time.monotonic() < deadline:
            if time.monotonic() - self._heard_s > RESTART_S:
                try:
                    self._graph.call(topics.EPISODE_START)
                    self._heard_s = time.monotonic()
                except RigError:  # not all nodes are up yet: again soon
                    self._heard_s = time.monotonic() - RESTART_S + 1.0
            self._graph.spin_for(0.1)


@contextlib.contextmanager
def _trainer(there: list[str], place: Path, robot: Path, task: str, recipe: str,
             seed: int) -> Iterator[None]:
    """Run trainer and rsync's server beyond the cable, where the robot's folder is not seen."""
    episodes = place / 'episodes'
    episodes.mkdir(parents=True)
    (place / 'rsyncd.conf').write_text(
        f'port = {PORT}\nuse chroot = no\nuid = root\ngid = root\n'
        f'[episodes]\npath = {episodes}\nread only = no\n', encoding='utf-8')
    hide = ['sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', str(robot)]
    commands = [
        [*there, 'rsync', '--daemon', '--no-detach', f'--config={place / "rsyncd.conf"}'],
        [*there, *hide, sys.executable, '-m', 'rig_ros.nodes.trainer', '--ros-args', '-p',
         f'directory:="{place}"', '-p', f'recipe:="{recipe}"', '-p', f'task:="{task}"', '-p',
         f'seed:={seed}', '-p', f'keep_bundles:={KEPT_MODELS}'],
        [sys.executable, '-m', 'rig_ros.cli.main', 'sync', str(robot / 'episodes'),
         f'rsync://{cable.TRAINER}:{PORT}/episodes', '--every', str(SYNC_EVERY_S)]]
    processes = []
    with (place / 'trainer.log').open('ab') as log:
        try:
            for command in commands:
                processes.append(subprocess.Popen(
                    command, env={**os.environ, 'ROS_STATIC_PEERS': cable.ROBOT}, stdout=log,
                    stderr=log, start_new_session=True))
            yield
        finally:
            end(processes, 10)


def practise(task: str, recipe: str, seed: int, seconds: float, cut_at_s: float, cut_s: float,
             out: Path) -> tuple[Practice, Path]:
    """Let the robot practise for so long; return what it did and the folder of the trainer's run.

    Raises:
        NotPossible: this machine lets us make no network, or there is no rsync.
    """
    if shutil.which('rsync') is None:
        raise cable.NotPossible('needs rsync (apt-get install rsync)')
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.witness import Witness

    place = (out / time.strftime('%Y%m%d-%H%M%S')).resolve()
    robot, trainer = place / 'robot', place / 'trainer'
    (robot / 'episodes').mkdir(parents=True)
    chosen = graph.deployment('sim', {'task': task, 'mode': 'practise', 'clock': 'realtime',
                                      'seed': seed, 'run': str(robot)})
    environment = {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4', 'ROS_STATIC_PEERS': cable.TRAINER}
    with cable.second_machine() as there, cable.environment(environment), \
            Supervisor(chosen, place / 'log', report=lambda node, line: None), \
            _trainer(there, trainer, robot, task, recipe, seed), GraphClient() as client:
        practice = Practice(client)
        Witness(client).wait_ready(START_S, models=())
        if cut_s:
            practice.go_on(cut_at_s)
            practice.go_on(cut_s, cable.cut(cut_s))
            practice.go_on(seconds - cut_at_s - cut_s)
        else:
            practice.go_on(seconds)
    return practice, trainer


def curve(practice: Practice, trainer: Path, goals: int) -> list[dict[str, float]]:
    """Measure each model the robot used on held-out goals; oldest first."""
    from rig_ros.evaluation import protocol
    from rig_ros.learning import bundle as bundles
    from rig_ros.simulation.environment import SawyerEnv

    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path
             for path in (trainer / 'bundles').glob('*.safetensors')}
    points = []
    environment = None
    try:
        for used in practice.used:
            model = bundles.load(files[used.bundle_id])
            if environment is None:
                environment = SawyerEnv(task_of(model.manifest), 0)
                held_out = environment.held_out_goals(goals)
            result = protocol.run(model, environment, held_out, environment.task.horizon)
            points.append({'robot_s': used.robot_s, 'steps': used.steps,
                           'mean_m': result.summary().mean, 'median_m': result.summary().median})
    finally:
        if environment is not None:
            environment.close()
    return points


def learning(
    seconds: Annotated[float, typer.Option(min=10, help='Robot time [s].')] = 600.0,
    cut_at: Annotated[float, typer.Option(min=0, help='When the cable is cut [s].')] = 200.0,
    cut: Annotated[float, typer.Option(min=0, help='For how long; 0: never [s].')] = 0.0,
    task: Annotated[str, typer.Option(help='One of config/tasks.')] = 'reach_xy',
    recipe: Annotated[str, typer.Option(help='Recipe or YAML file.')] = 'reach',
    within: Annotated[float, typer.Option(min=0.001, help='Good enough [m].')] = 0.03,
    goals: Annotated[int, typer.Option(min=1, help='Held-out goals for each model.')] = 20,
    seed: Annotated[int, typer.Option(min=0, help='Of world and trainer.')] = 0,
    out: Annotated[Path, typer.Option(help='Folder for recordings, models and logs.')]
    = Path('runs/drill_learning'),
    json: Annotated[Path | None, typer.Option(help='Write the figures here.')] = None) -> None:
    """Learn to reach from nothing in real time, the trainer beyond a cable that may be cut."""
    from rig_ros.evaluation.report import write_json

    try:
        practice, trainer = practise(task, recipe, seed, seconds, cut_at, cut, out)
    except cable.NotPossible as error:
        console.print(f'not run: {error}')
        raise typer.Exit(1) from None
    points = curve(practice, trainer, goals)
    for point in points:
        console.print(f'{point["robot_s"]:.0f} s, {point["steps"]:.0f} steps: mean '
                      f'{100 * point["mean_m"]:.1f} cm, median {100 * point["median_m"]:.1f} cm')
    reached = {name: next((point['robot_s'] for point in points if point[name] <= within), None)
               for name in ('median_m', 'mean_m')}
    words = {name: 'not reached' if at is None else f'after {at:.0f} s of robot time'
             for name, at in reached.items()}
    console.print(f'{100 * within:g} cm: median [bold]{words["median_m"]}[/], mean [bold]'
                  f'{words["mean_m"]}[/]; {practice.steps} steps, '
                  f'{practice.ended} episodes, {practice.aborted} aborted, {len(points)} models; '
                  + (f'cable cut at {cut_at:.0f} s for {cut:.0f} s' if cut else 'no cut'))
    write_json(json or out / 'drill_learning.json', {
        'points': points, 'within_m': within, 'median_reached_s': reached['median_m'],
        'mean_reached_s': reached['mean_m'],
        'steps': practice.steps, 'episodes': practice.ended, 'aborted': practice.aborted,
        'cut_at_s': cut_at, 'cut_s': cut})
    if reached['median_m'] is None:
        raise typer.Exit(1)
