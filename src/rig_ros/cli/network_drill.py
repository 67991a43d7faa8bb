"""The network's part of `rig_ros drill data`: the trainer behind a link that breaks.

The trainer runs in a network namespace of its own, as on another machine: it finds the robot's
graph by static peers and gets models across a virtual cable only. The cable is cut while the robot
acts and records. Needs root and iproute2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig_ros.cli.made_up import RECIPE
from rig_ros.cli.recorder_bench import start_recorder

NAMESPACE = 'rig_ros_drill'
ROBOT, TRAINER = '10.213.77.1', '10.213.77.2'
CABLE = 'rigdrill'
CUT_S = 10.0
EPISODE_STEPS = 20
RATE_HZ = 10.0
MODEL_S = 150.0


class NotPossible(Exception):
    """Raised when this machine does not let us make a network."""


def _ip(*arguments: str) -> None:
    done = subprocess.run(['ip', *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotPossible(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextlib.contextmanager
def second_machine() -> Iterator[list[str]]:
    """Make a namespace with a cable to it; yield what starts a command there.

    Raises:
        NotPossible: no rights, or no iproute2.
    """
    if os.geteuid() != 0 or shutil.which('ip') is None:
        raise NotPossible('needs root and iproute2')
    try:
        _ip('netns', 'add', NAMESPACE)
        _ip('link', 'add', f'{CABLE}0', 'type', 'veth', 'peer', 'name', f'{CABLE}1', 'netns',
            NAMESPACE)
        _ip('addr', 'add', f'{ROBOT}/24', 'dev', f'{CABLE}0')
        _ip('link', 'set', f'{CABLE}0', 'up')
        _ip('-n', NAMESPACE, 'addr', 'add', f'{TRAINER}/24', 'dev', f'{CABLE}1')
        for device in (f'{CABLE}1', 'lo'):
            _ip('-n', NAMESPACE, 'link', 'set', device, 'up')
        yield ['ip', 'netns', 'exec', NAMESPACE]
    finally:
        for arguments in (('link', 'del', f'{CABLE}0'), ('netns', 'del', NAMESPACE)):
            subprocess.run(['ip', *arguments], check=False, capture_output=True)


def cut(seconds: float) -> Iterator[None]:
    """Pull the cable for so long; advance while the robot acts."""
    _ip('link', 'set', f'{CABLE}0', 'down')
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
    _ip('link', 'set', f'{CABLE}0', 'up')


def impair(loss_percent: float, delay_ms: float) -> None:
    """Make the cable lose and delay packets from here on.

    Raises:
        NotPossible: the kernel has no netem.
    """
    done = subprocess.run(
        ['tc', 'qdisc', 'replace', 'dev', f'{CABLE}0', 'root', 'netem', 'loss',
         f'{loss_percent}%', 'delay', f'{delay_ms}ms'], check=False, capture_output=True,
        text=True)
    if done.returncode:
        raise NotPossible(f'tc netem: {done.stderr.strip()}')


class Lab:
    """Robot here, trainer there; `act` records one episode and returns how late steps were."""

    def __init__(self, place: Path, there: list[str], graph: Any) -> None:
        from rig_ros.ros import topics
        from rig_ros.ros.conversions import message_to_values
        from rig_ros.ros.stand_in import StandIn

        self.models: list[str] = []
        self.steps = 0
        self.latest_s = 0.0
        self._graph = graph
        self._stand_in = StandIn(graph)
        graph.subscribe(topics.MODEL_MANIFEST, lambda m: self.models.append(
            message_to_values(m)['bundle_id']))
        recipe = place / 'recipe.yaml'
        recipe.write_text(RECIPE, encoding='utf-8')
        self.folder = place / 'run' / 'episodes'
        self._log = (place / 'trainer.log').open('ab')
        self._recorder = start_recorder(self.folder, place / 'recorder.log')
        self._trainer = subprocess.Popen(
            [*there, sys.executable, '-m', 'rig_ros.nodes.trainer', '--ros-args', '-p',
             f'directory:="{place / "run"}"', '-p', f'recipe:="{recipe}"', '-p',
             'publish_every_s:=1.0', '-p', 'nice:=0'],
            env={**os.environ, 'ROS_STATIC_PEERS': ROBOT}, stdout=self._log, stderr=self._log)
        self._stand_in.wait_recorder()
        graph.spin_for(1.0)

    @property
    def sent_ns(self) -> list[int]:
        """Stamps of all commands sent."""
        return self._stand_in.finished_ns

    def act(self) -> Iterator[None]:
        """Record one episode, a step each time this is advanced."""
        self._stand_in.begin()
        for _ in range(EPISODE_STEPS):
            began = time.monotonic()
            self._stand_in.step()
            self.steps += 1
            self.latest_s = max(self.latest_s, time.monotonic() - began)
            self._graph.spin_for(1 / RATE_HZ)
            yield
        self._stand_in.end()

    def act_until_model(self) -> bool:
        """Act until a model comes that was not there before; False when none comes in time."""
        known = set(self.models)
        deadline = time.monotonic() + MODEL_S
        while time.monotonic() < deadline:
            for _ in self.act():
                if not known.issuperset(self.models):
                    self._stand_in.end()
                    return True
        return False

    def act_while(self, condition: Iterator[None]) -> None:
        """Act episode by episode for as long as the iterator lasts."""
        while True:
            for _ in self.act():
                if next(condition, 'over') == 'over':
                    self._stand_in.end()
                    return

    def close(self) -> None:
        """Stop both."""
        self._graph.spin_for(1.0)
        for process in (self._recorder, self._trainer):
            process.terminate()
        for process in (self._recorder, self._trainer):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        self._log.close()
