"""`rig_ros up`: the same graph as `ros2 launch`, on a machine that has only pip."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rig_ros.bringup import graph
from rig_ros.bringup.supervisor import Supervisor

app = typer.Typer(no_args_is_help=True, add_completion=False,
                  help='Start a graph of nodes and keep it alive; Ctrl-C stops all of it.')
console = Console(highlight=False, soft_wrap=True)

Task = Annotated[str, typer.Option(help='One of config/tasks/*.yaml.')]
Bundle = Annotated[str, typer.Option(help='Model file (.safetensors); none: no model yet.')]
Mode = Annotated[str, typer.Option(help='collect, practise or reach.')]
Train = Annotated[bool, typer.Option('--train', help='Learn here from what is recorded.')]
Run = Annotated[str, typer.Option(help='Folder for episodes, models and logs.')]
Hz = Annotated[float, typer.Option(help="Control rate; 0: the task's own.")]
Horizon = Annotated[int, typer.Option(help="Steps in an episode; 0: the task's own.")]
Namespace = Annotated[str, typer.Option(help='Moves the whole graph below this name.')]
Params = Annotated[str, typer.Option(help='Parameter file; none: config/nodes.yaml.')]
LogLevel = Annotated[str, typer.Option(help='debug, info, warn, error or fatal.')]
Source = Annotated[str, typer.Option(
    help="'topic' (a driver publishes camera/image_raw), a device number, a video file, or of the "
         "arm 'head_camera' or 'right_hand_camera'.")]


def _run_name(deployment: str) -> str:
    return f'runs/{deployment}-{time.strftime("%Y%m%d-%H%M%S")}'


@app.command()
def sim(task: Task = 'reach_xy', bundle: Bundle = '', mode: Mode = 'reach', train: Train = False,
        clock: Annotated[str, typer.Option(help='lockstep or realtime.')] = 'lockstep',
        raw_camera: Annotated[bool, typer.Option(
            '--raw-camera', help='640x480 through the camera node, as on the robot.')] = False,
        seed: Annotated[int, typer.Option(help='Seed of the simulated world.')] = 0,
        run: Run = '', control_hz: Hz = 0.0, horizon: Horizon = 0, namespace: Namespace = '',
        params_file: Params = '', log_level: LogLevel = 'info') -> None:
    """Start the simulated Sawyer and the whole graph."""
    _serve('sim', task=task, bundle=bundle, mode=mode, train=train, clock=clock,
           raw_camera=raw_camera, seed=seed, run=run or _run_name('sim'),
           control_hz=control_hz, horizon=horizon, namespace=namespace,
           params_file=params_file, log_level=log_level)


@app.command()
def robot(task: Task = 'reach_xy', bundle: Bundle = '', mode: Mode = 'reach',
          train: Train = False, source: Source = 'topic', run: Run = '',
          control_hz: Annotated[float, typer.Option(
              help='Pictures and commands per second; 0: 20.')] = 0.0,
          horizon: Annotated[int, typer.Option(
              help="Steps in an episode; 0: the task's time, stretched by --max-speed.")] = 0,
          max_speed: Annotated[float, typer.Option(help='Of the hand [m/s].')] = 0.10,
          side_command: Annotated[str, typer.Option(
              help="Starts the ROS 1 side process; none: the system's Python; 'external': it is "
                   'started by hand.')] = '',
          robot_host: Annotated[str, typer.Option(
              help="The robot's host name or a ROS_MASTER_URI; none: as the environment "
                   'says.')] = '',
          ros_ip: Annotated[str, typer.Option(
              help="This machine's address in the robot's network.")] = '',
          fake: Annotated[bool, typer.Option(
              '--fake', help='A fake robot in the place of the real one.')] = False,
          socket: Annotated[str, typer.Option(
              help="Of the arm's side process: a path, or a name.")] = 'arm',
          dry_run: Annotated[bool, typer.Option(
              '--dry-run', help='Compute and log, but send the arm nothing.')] = False,
          namespace: Namespace = '', params_file: Params = '',
          log_level: LogLevel = 'info') -> None:
    """Start the real arm, its driver and the whole graph."""
    _serve('robot', task=task, bundle=bundle, mode=mode, train=train, source=source,
           run=run or _run_name('robot'), control_hz=control_hz, horizon=horizon,
           max_speed=max_speed, side_command=side_command, robot_host=robot_host, ros_ip=ros_ip,
           fake=fake, socket=socket, dry_run=dry_run, namespace=namespace,
           params_file=params_file, log_level=log_level)


@app.command()
def trainer(task: Task = 'reach_xy', bundle: Bundle = '', run: Run = '',
            namespace: Namespace = '', params_file: Params = '',
            log_level: LogLevel = 'info') -> None:
    """Start only the trainer, on a machine that shares the recordings."""
    _serve('trainer', task=task, bundle=bundle, run=run or _run_name('trainer'),
           namespace=namespace, params_file=params_file, log_level=log_level)


@app.command()
def camera(task: Task = 'reach_xy', source: Source = '0', control_hz: Hz = 0.0,
           namespace: Namespace = '', params_file: Params = '',
           log_level: LogLevel = 'info') -> None:
    """Start only the camera node, to aim the camera and to take goal pictures."""
    _serve('camera', task=task, source=source, control_hz=control_hz, namespace=namespace,
           params_file=params_file, log_level=log_level)


@app.command()
def markers(task: Task = 'reach_xy', namespace: Namespace = '', params_file: Params = '',
            log_level: LogLevel = 'info') -> None:
    """Draw workspace, goals and motion of a running graph for RViz and Foxglove."""
    _serve('markers', task=task, namespace=namespace, params_file=params_file,
           log_level=log_level)


def _serve(name: str, **values: object) -> None:
    """Run a deployment until Ctrl-C or until a node it needs cannot be kept alive."""
    if name == 'sim' or values.get('fake'):
        # A simulated arm must not answer to, or command, robots on the network.
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    chosen = graph.deployment(name, values)
    logs = Path(str(values.get('run') or _run_name(name))) / 'log'
    supervisor = Supervisor(chosen, logs, report=_show)
    try:
        with supervisor:
            nodes = ', '.join(supervisor.processes)
            console.print(f'[bold]rig_ros up {name}[/]: {nodes}. Ctrl-C stops all. Logs: {logs}')
            if name == 'robot':
                console.print('[yellow]Nothing enables the arm by itself: call arm/enable, then '
                              'send a goal. What it waits for is on arm/status.[/]')
            while not supervisor.wait(0.2):
                pass
    except KeyboardInterrupt:
        console.print('all nodes stopped')
    if supervisor.failure:
        console.print(f'[bold red]{escape(supervisor.failure)}[/]')
        raise typer.Exit(1)


def _show(node: str, line: str) -> None:
    colour = 'red' if line.startswith(('ERROR', 'FATAL')) else 'yellow'
    console.print(f'[{colour}]{node}[/]: {escape(line)}')
