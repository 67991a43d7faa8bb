"""The network's parts of `rig_ros drill data`: the trainer behind a link that breaks.

The trainer runs in a network namespace of its own, as on another machine: it finds the robot's
graph by static peers and gets models across a cable only. The cable is cut, or loses and delays
packets, while the robot acts and records.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros import resources
from rig_ros.cli import cable
from rig_ros.cli.drill_result import Result, recorded
from rig_ros.cli.made_up import RECIPE
from rig_ros.cli.recorder_bench import start_recorder
from rig_ros.processes import end

CUT_S, LONG_CUT_S = 30.0, 600.0
LOSS, DELAY_S = 0.05, 0.05
EPISODE_STEPS = 20
RATE_HZ = 10.0
MODEL_S = 150.0


def short_cuts(place: Path, cuts: int, rng: np.random.Generator) -> Result:
    """Pull the cable between robot and trainer for 30 s while the robot acts."""
    del rng
    return _cuts('network cut', place, cuts, CUT_S)


def long_cuts(place: Path, cuts: int, rng: np.random.Generator) -> Result:
    """Pull it for ten minutes."""
    del rng
    return _cuts('long network cut', place, cuts, LONG_CUT_S)


def _cuts(part: str, place: Path, cuts: int, seconds: float) -> Result:
    def breaks(lab: Lab) -> bool:
        lab.act_while(cable.cut(seconds))
        return lab.act_until_model()

    return _drill(part, place, cuts, breaks, f'cuts of {seconds:.0f} s')


def lossy(place: Path, models: int, rng: np.random.Generator) -> Result:
    """Lose 5 % of the packets and delay the rest by 50 ms, each way, until so many models come."""
    del rng
    # A model lost is sent again packet by packet only if its messages are no larger than one.
    profile = str(resources.find('config', 'dds', 'lossy_network.xml'))
    return _drill('lossy network', place, models, lambda lab: lab.act_until_model(),
                  f'{100 * LOSS:.0f} % of packets lost, {1e3 * DELAY_S:.0f} ms delay, each way',
                  {'FASTRTPS_DEFAULT_PROFILES_FILE': profile,
                   'FASTDDS_DEFAULT_PROFILES_FILE': profile}, LOSS, DELAY_S)


def _drill(part: str, place: Path, trials: int, breaks: Callable[[Lab], bool], note: str,
           environment: dict[str, str] | None = None, loss: float = 0.0,
           delay_s: float = 0.0) -> Result:
    """Break the cable so many times once a first model has come."""
    from rig_ros.ros.client import GraphClient

    if not trials:
        return Result(part, 0, 0, 0, 0, 0, 0, f'{note}; ask for it')
    # No shared memory between machines.
    environment = environment or {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}
    went_on = 0
    try:
        with cable.second_machine(loss, delay_s) as there, \
                cable.environment({**environment, 'ROS_STATIC_PEERS': cable.TRAINER}), \
                GraphClient() as graph:
            lab = Lab(place, there, graph)
            try:
                if lab.act_until_model():
                    went_on = sum(breaks(lab) for _ in range(trials))
                else:
                    note += '; no model came before'
            finally:
                lab.close()
    except cable.NotPossible as error:
        return Result(part, 0, 0, 0, 0, 0, 0, str(error))
    held = recorded(lab.folder)
    lost = sum(stamp not in held for stamp in lab.sent_ns)
    return Result(part, trials, lab.steps, lost, 0, lost, went_on,
                  f'{note}; {len(lab.models)} models, the slowest after {lab.slowest_s:.0f} s; '
                  f'sending a step took {1e3 * lab.latest_s:.0f} ms at most')


class Lab:
    """Robot here, trainer there; `act` records one episode, a step at a time."""

    def __init__(self, place: Path, there: list[str], graph: Any) -> None:
        from rig_ros.ros import topics
        from rig_ros.ros.conversions import message_to_values
        from rig_ros.ros.stand_in import StandIn

        self.models: list[str] = []
        """Ids of the models whose manifest and payload came."""
        self.steps = 0
        self.latest_s = 0.0
        """Longest time that sending a step took [s]."""
        self.slowest_s = 0.0
        """Longest time from a wish for a new model to its coming [s]."""
        self._graph = graph
        self._stand_in = StandIn(graph)
        payloads: set[str] = set()
        manifests: set[str] = set()

        def came(whole: set[str], bundle_id: str) -> None:
            whole.add(bundle_id)
            if bundle_id in payloads & manifests:
                self.models.append(bundle_id)

        graph.subscribe(topics.MODEL_MANIFEST,
                        lambda m: came(manifests, message_to_values(m)['bundle_id']))
        graph.subscribe(topics.MODEL_PAYLOAD, lambda m: came(payloads, m.layout.dim[0].label))
        recipe = place / 'recipe.yaml'
        recipe.write_text(RECIPE, encoding='utf-8')
        self.folder = place / 'run' / 'episodes'
        self._log = (place / 'trainer.log').open('ab')
        self._recorder = start_recorder(self.folder, place / 'recorder.log')
        self._trainer = subprocess.Popen(
            [*there, sys.executable, '-m', 'rig_ros.nodes.trainer', '--ros-args', '-p',
             f'directory:="{place / "run"}"', '-p', f'recipe:="{recipe}"', '-p', 'nice:=0'],
            env={**os.environ, 'ROS_STATIC_PEERS': cable.ROBOT}, stdout=self._log,
            stderr=self._log)
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
        known, began = len(self.models), time.monotonic()
        while time.monotonic() < began + MODEL_S:
            for _ in self.act():
                if len(self.models) > known:
                    self._stand_in.end()
                    self.slowest_s = max(self.slowest_s, time.monotonic() - began)
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
        end((self._recorder, self._trainer), 20)
        self._log.close()
