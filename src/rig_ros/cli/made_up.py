"""Made-up episodes for the drills of recordings: no arm, no model, no ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rig_ros.episodes import schema
from rig_ros.episodes.encoding import encode_event, encode_image, encode_twist
from rig_ros.episodes.recording import Arrival, EpisodeRecorder, FinishedEpisode
from rig_ros.episodes.space import Space
from rig_ros.episodes.store import EpisodeWriter
from rig_ros.vision.texture import texture

NANO = 1_000_000_000
PERIOD_NS = NANO // 10
START_NS = 1_700_000_000 * NANO
TASK = 'reach_xy'
RECIPE = """\
task: reach_xy
image_size: 84
replay_frames: 20000
explore: {random_steps: 40}
vae: {latent_dim: 4, first_steps: 3, batch_size: 8}
td3: {hidden: [16], batch_size: 8, first_updates: 3, updates_per_step: 0.5}
"""


def velocity(number: int) -> tuple[float, float, float]:
    """Return the command on picture `number` [m/s]."""
    return float(0.1 * np.sin(number / 5)), float(0.1 * np.cos(number / 9)), 0.0


def event(kind: str, episode_id: str, stamp_ns: int) -> bytes:
    """Return an episode event."""
    return encode_event(stamp_ns, {'kind': kind, 'episode_id': episode_id, 'mode': 'collect',
                                   'task': TASK})


def write_steps(writer: EpisodeWriter, steps: int, first_ns: int = START_NS) -> list[int]:
    """Write an episode; return the size of the file after each step."""
    sizes = []

    def put(name: str, cdr: bytes, stamp_ns: int) -> None:
        writer.write(f'/{name}', cdr, stamp_ns)

    put(schema.EVENTS, event('reset', writer.episode_id, first_ns - 1), first_ns - 1)
    for number in range(steps):
        stamp_ns = first_ns + number * PERIOD_NS
        put(schema.IMAGE, encode_image(stamp_ns, texture(number)), stamp_ns)
        put(schema.COMMAND, encode_twist(stamp_ns, velocity(number)), stamp_ns)
        sizes.append(writer.size)
    last_ns = first_ns + steps * PERIOD_NS
    put(schema.IMAGE, encode_image(last_ns, texture(steps)), last_ns)
    put(schema.EVENTS, event('end', writer.episode_id, last_ns), last_ns)
    return sizes


def write_episode(folder: Path, number: int, steps: int) -> Path:
    """Write a finished recording; return the file."""
    writer = EpisodeWriter(folder, f'made-up-{number:05d}', {'task': TASK})
    write_steps(writer, steps, START_NS + number * 1000 * NANO)
    return writer.finish(outcome='end').path


class MadeUpGraph:
    """Feeds an `EpisodeRecorder` what a graph would, by a clock of its own."""

    def __init__(self, folder: Path, space: Space | None = None) -> None:
        self.finished: list[FinishedEpisode] = []
        self.finished_ns: list[int] = []
        """Stamps of the commands sent."""
        self._real_s = 1000.0
        self._set_ns = 0
        self._number = 0
        self._episode_id = ''
        self.recorder = EpisodeRecorder(folder, TASK, self.finished.append, space=space,
                                        system_ns=self._clock_ns)
        self.recorder.start(self._clock_ns(), self._real_s)
        self._real_s += 1.0

    def _clock_ns(self) -> int:
        return START_NS + round(self._real_s * NANO) + self._set_ns

    def set_clock(self, by_s: float) -> None:
        """Set the system clock forward."""
        self._set_ns += round(by_s * NANO)

    def begin(self, episode_id: str) -> None:
        """Start an episode."""
        self._episode_id = episode_id
        for kind in ('reset', 'start'):
            self._send(schema.EVENTS, event(kind, episode_id, self._clock_ns()))

    def step(self) -> None:
        """Send a picture and its command, a period after the last."""
        stamp_ns = self._picture()
        self._send(schema.COMMAND, encode_twist(stamp_ns, velocity(self._number)))
        self.finished_ns.append(stamp_ns)

    def end(self) -> None:
        """End the episode and wait until its file is closed."""
        stamp_ns = self._picture()
        self._send(schema.EVENTS, event('end', self._episode_id, stamp_ns))
        self._real_s += 1.0
        self.recorder.tick(self._real_s)

    def _picture(self) -> int:
        # Never exactly on time, so that no two stamps are equal when the clock is set back.
        self._real_s += PERIOD_NS / NANO + 0.003 * float(np.sin(1.7 * self._number))
        self.recorder.tick(self._real_s)
        self._number += 1
        stamp_ns = self._clock_ns()
        self._send(schema.IMAGE, encode_image(stamp_ns, texture(self._number)))
        return stamp_ns

    def _send(self, name: str, cdr: bytes) -> None:
        now_ns = self._clock_ns()
        self.recorder.take(Arrival(f'/{name}', cdr, now_ns, now_ns), self._real_s)
