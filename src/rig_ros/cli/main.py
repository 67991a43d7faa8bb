"""The `rig_ros` command: a table of verbs, each in a module that is imported only when used.

A verb's module holds `app`, a typer application. An error raised on purpose ends as one line on
stderr and exit code 2, without a traceback.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from rig_ros.errors import ConfigError, RigError

EXIT_ERROR = 2
VERBS = {
    'demo': 'Reach ten goal pictures on the simulated Sawyer and report the distances.',
    'up': 'Start a graph of nodes: sim, robot, trainer, camera or markers.',
    'goal': 'Send, capture, imagine or clear the goal picture of a running graph.',
    'call': 'Call a service of a running graph: start and stop episodes, e-stop, arm.',
    'console': 'Serve the page on which a person watches and directs a running graph.',
    'train': 'Learn a task from nothing in simulation, without ROS.',
    'sweep': 'Train recipes times seeds, on Ray or one after another; resumable.',
    'report': 'Compare runs and sweeps on one page, beside published figures.',
    'benchmark': "Train and measure the project's headline table.",
    'evaluate': 'Measure a model on held-out goal pictures.',
    'inspect': 'Say what an episode, a model or a run holds.',
    'view': 'Show recordings or a running graph in Rerun.',
    'data': 'Merge, split, bin, export, import, replay and find recordings.',
    'sync': 'Bring finished recordings to another machine; resumes after a cut.',
    'recover': 'Save every whole step of a recording that was cut off.',
    'bench': 'Measure this machine: sim, latency or updates.',
    'drill': 'Kill and hang nodes while the arm moves, and time how fast it stops.',
    'camera': 'Set a camera up: crop, the view it had before, fixed exposure and colours.',
    'preflight': 'Check robot, network, workspace and camera before the arm moves; reads only.',
    'reference': 'Print topics, parameters, options, settings or errors, as the code has them.',
    'security': 'Write the policy for SROS 2: who may publish, call and answer.',
    'doctor': 'Check this machine and say how to put right what is missing.',
}
EXTRAS = {'torch': 'train', 'safetensors': 'train', 'mujoco': 'sim', 'rclpy': 'ros',
          'aiohttp': 'console'}
_PASS_ON = {'ignore_unknown_options': True, 'allow_extra_args': True,
            'allow_interspersed_args': False}

app = typer.Typer(name='rig_ros', no_args_is_help=True, add_completion=False,
                  help='A Sawyer teaches itself to reach goals given as pictures (RIG, ROS 2).')


def _load(verb: str) -> Any:
    """Import the module of a verb.

    Raises:
        ConfigError: when it needs a package that is not installed.
    """
    try:
        return importlib.import_module(f'rig_ros.cli.{verb}')
    except ModuleNotFoundError as error:
        missing = (error.name or '').partition('.')[0]
        if missing == 'rig_ros':
            raise ConfigError(f'verb {verb!r}: this installation has no {error.name}; '
                              'reinstall rig_ros') from error
        remedy = f"-e '.[{EXTRAS[missing]}]' in a clone" if missing in EXTRAS else missing
        raise ConfigError(f'verb {verb!r}: needs the Python package {missing!r}, which is not '
                          f'installed; pip install {remedy}') from error


def _register(verb: str, summary: str) -> None:
    @app.command(verb, help=summary, add_help_option=False, context_settings=_PASS_ON)
    def run(context: typer.Context) -> None:
        _load(verb).app(context.args, prog_name=f'rig_ros {verb}')


for _verb, _summary in VERBS.items():
    _register(_verb, _summary)


def _terminate(signum: int, frame: object) -> None:
    """Leave by an exception, so that every `with` block stops what it started."""
    raise SystemExit(128 + signum)


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    try:
        app()
    except RigError as error:
        if os.environ.get('RIG_ROS_TRACEBACK'):
            raise
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f'[bold red]rig_ros: {escape(str(error))}[/]')
        sys.exit(EXIT_ERROR)


if __name__ == '__main__':
    main()
