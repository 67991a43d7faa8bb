"""Builds recorded messages and whole episodes for tests, without ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.episodes import schema
from rig_ros.episodes.store import EpisodeFile, EpisodeWriter

NANO = 1_000_000_000
PERIOD_NS = NANO // 10
STORE = schema.typestore()
TYPES = STORE.types


def _header(stamp_ns: int, frame: str = '') -> Any:
    stamp = TYPES['builtin_interfaces/msg/Time'](stamp_ns // NANO, stamp_ns % NANO)
    return TYPES['std_msgs/msg/Header'](stamp, frame)


def _cdr(message: Any, name: str) -> bytes:
    return bytes(STORE.serialize_cdr(message, name))


def image_cdr(stamp_ns: int, picture: np.ndarray, encoding: str = 'rgb8',
              padding: int = 0) -> bytes:
    height, width = picture.shape[:2]
    rows = picture.reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=7)
    name = 'sensor_msgs/msg/Image'
    return _cdr(TYPES[name](_header(stamp_ns, 'camera'), height, width, encoding, 0,
                            rows.shape[1], np.ascontiguousarray(rows).reshape(-1)), name)


def twist_cdr(stamp_ns: int, velocity: tuple[float, float, float], frame: str = 'base') -> bytes:
    vector = TYPES['geometry_msgs/msg/Vector3']
    name = 'geometry_msgs/msg/TwistStamped'
    twist = TYPES['geometry_msgs/msg/Twist'](vector(*velocity), vector(0.0, 0.0, 0.0))
    return _cdr(TYPES[name](_header(stamp_ns, frame), twist), name)


def latent_cdr(stamp_ns: int, encoder_id: str) -> bytes:
    name = 'sensor_msgs/msg/PointCloud2'
    return _cdr(TYPES[name](_header(stamp_ns, encoder_id), 1, 0, [], False, 0, 0,
                            np.zeros(0, np.uint8), True), name)


def bool_cdr(value: bool) -> bytes:
    return _cdr(TYPES['std_msgs/msg/Bool'](value), 'std_msgs/msg/Bool')


def key_values_cdr(stamp_ns: int, name: str, values: dict[str, str], message: str = '') -> bytes:
    pair = TYPES['diagnostic_msgs/msg/KeyValue']
    status = TYPES['diagnostic_msgs/msg/DiagnosticStatus'](
        0, name, message, 'rig_ros', [pair(k, v) for k, v in values.items()])
    kind = 'diagnostic_msgs/msg/DiagnosticArray'
    return _cdr(TYPES[kind](_header(stamp_ns), [status]), kind)


def event_cdr(stamp_ns: int, kind: str, episode_id: str = 'e1', **values: str) -> bytes:
    return key_values_cdr(stamp_ns, 'episode',
                          {'kind': kind, 'episode_id': episode_id, 'mode': 'practise',
                           'task': 'reach_xy', **values})


def picture(number: int, size: int = 84) -> np.ndarray:
    """A picture whose content tells its number, not symmetric in any way."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[:, :, 0] = number % 256
    pixels[: size // 3, :, 1] = 200
    pixels[:, : size // 4, 2] = 90
    return pixels


@dataclass
class Streams:
    """Messages of one episode in receive order: (topic, cdr)."""

    steps: int = 5
    first_ns: int = 100 * NANO
    speed: float = 0.1
    """Executed speed of step i is `speed * (i + 1) / steps` along x [m/s]."""
    namespace: str = ''
    size: int = 84
    messages: list[tuple[str, bytes]] = field(default_factory=list)

    def topic(self, name: str) -> str:
        return f'{self.namespace}/{name}'

    def stamp(self, step: int) -> int:
        return self.first_ns + step * PERIOD_NS

    def velocity(self, step: int) -> tuple[float, float, float]:
        return (self.speed * (step + 1) / self.steps, -0.05, 0.0)

    def add(self, name: str, cdr: bytes) -> None:
        self.messages.append((self.topic(name), cdr))

    def build(self) -> Streams:
        """Fill in an ordinary episode: reset, start, steps, last picture, end."""
        self.add(schema.EVENTS, event_cdr(self.first_ns - 2 * PERIOD_NS, 'reset'))
        self.add(schema.ESTOP, bool_cdr(False))
        self.add(schema.GOAL_PREVIEW,
                 image_cdr(self.first_ns - PERIOD_NS, picture(250, self.size)))
        self.add(schema.EVENTS, event_cdr(self.first_ns - 1, 'start'))
        for step in range(self.steps):
            stamp = self.stamp(step)
            self.add(schema.IMAGE, image_cdr(stamp, picture(step, self.size)))
            self.add(schema.LATENT, latent_cdr(stamp, 'enc-a'))
            self.add(schema.POLICY_COMMAND, twist_cdr(stamp, self.velocity(step)))
            self.add(schema.COMMAND, twist_cdr(stamp, self.velocity(step)))
        last = self.stamp(self.steps)
        self.add(schema.IMAGE, image_cdr(last, picture(self.steps, self.size)))
        self.add(schema.EVENTS, event_cdr(last, 'end', steps=str(self.steps)))
        return self

    def write(self, run_folder: Path, episode_id: str = 'e1') -> EpisodeFile:
        writer = self.record(run_folder, episode_id)
        return writer.finish(outcome='end')

    def record(self, run_folder: Path, episode_id: str = 'e1') -> EpisodeWriter:
        writer = EpisodeWriter(run_folder, episode_id, {'task': 'reach_xy'})
        for number, (topic, cdr) in enumerate(self.messages):
            writer.write(topic, cdr, self.first_ns + number * 1000, self.first_ns + number * 1000)
        return writer


def write_recipe(path: Path, image_size: int = 84) -> Path:
    """Write a training recipe that takes a second."""
    path.write_text(
        f'task: reach\nimage_size: {image_size}\nreplay_frames: 1000\n'
        'explore: {random_steps: 40}\n'
        'vae: {latent_dim: 4, first_steps: 3, batch_size: 8}\n'
        'td3: {hidden: [16], batch_size: 8, first_updates: 3, updates_per_step: 0.1}\n',
        encoding='utf-8')
    return path
