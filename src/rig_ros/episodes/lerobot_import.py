"""Turns a dataset in LeRobot's format (3.0) into recordings that everything here reads.

Pictures are cropped to the middle square and scaled to the task's size; actions must be what the
task means by one, in [-1, 1], or become so by `divide_by`. What such a dataset does not hold (hand
poses, latents, commands before the guard) the recordings do not hold either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.control.action import action_to_velocity
from rig_ros.control.task import TaskConfig
from rig_ros.episodes import schema
from rig_ros.episodes.encoding import encode_event, encode_image, encode_twist
from rig_ros.episodes.export import GOAL_KEY, LEROBOT_VERSION, STAMP_KEY, arrow
from rig_ros.episodes.store import EpisodeFile, EpisodeWriter
from rig_ros.errors import ConfigError, DataError
from rig_ros.settings import require
from rig_ros.vision.image import CropRegion, Picture, crop_and_resize

START_NS = 1_000_000_000
"""Stamp of the first picture where the dataset has only times within an episode."""


@dataclass(frozen=True)
class ImportPlan:
    """How a dataset is read."""

    task: str
    camera: str = ''
    """Feature that holds the pictures; '' for the only or first one."""
    columns: tuple[int, ...] = ()
    """Components of the dataset's action, in the order of the task's axes; () for all."""
    divide_by: float = 1.0
    """What an action of 1.0 is in the dataset's unit."""


@dataclass(frozen=True)
class _Rows:
    """One episode of the dataset."""

    index: int
    pictures: list[Picture]
    actions: NDArray[np.float64]
    stamps_ns: list[int]
    goal: Picture | None


class Dataset:
    """A dataset's metadata, checked against a plan."""

    def __init__(self, folder: Path, plan: ImportPlan) -> None:
        """Read `meta/info.json`.

        Raises:
            ConfigError: pyarrow is missing, or the plan does not fit the dataset.
            DataError: no such dataset, or one of another version.
        """
        self._arrow = arrow()
        self.folder, self.plan, self.task = folder, plan, tasks.load(plan.task)
        try:
            info = json.loads((folder / 'meta' / 'info.json').read_text(encoding='utf-8'))
            version, self._features = str(info['codebase_version']), info['features']
            rate, self._video_path = float(info['fps']), info.get('video_path')
            dim = int(self._features['action']['shape'][0])
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f'{folder}: is no LeRobot dataset with actions (meta/info.json: '
                            f'{type(error).__name__} {error})') from error
        if not version.startswith('v3.'):
            raise DataError(f'{folder}: version {version}, allowed: {LEROBOT_VERSION}; convert it '
                            'with the script that LeRobot brings for this')
        self.rate = rate
        require(rate == self.task.control_hz, 'rate', f'{rate} Hz',
                f'{self.task.control_hz} Hz as task {self.task.name} has; import for a task of '
                'this rate')
        cameras = [key for key, value in self._features.items()
                   if value.get('dtype') in ('image', 'video') and key != GOAL_KEY]
        self.camera = plan.camera or next(iter(cameras), '')
        require(self.camera in cameras, 'camera', self.camera, f'one of {cameras}')
        self._columns = plan.columns or tuple(range(dim))
        require(len(self._columns) == self.task.action_dim
                and all(0 <= c < dim for c in self._columns), 'columns', self._columns,
                f'{self.task.action_dim} of 0 to {dim - 1}, for axes {self.task.axes}')
        require(plan.divide_by > 0, 'divide_by', plan.divide_by, 'above 0')

    def _table(self, pattern: str) -> Any:
        paths = sorted(self.folder.glob(pattern))
        if not paths:
            raise DataError(f'{self.folder}: has no {pattern}')
        try:
            return self._arrow.concat_tables(
                [self._arrow.parquet.read_table(path) for path in paths])
        except (self._arrow.ArrowException, OSError) as error:
            raise DataError(f'{self.folder}: {pattern} cannot be read ({error})') from error

    def episodes(self) -> Iterator[_Rows]:
        """Yield the episodes in order.

        Raises:
            DataError: damaged files, pictures that cannot be read, or actions out of range.
        """
        for path in sorted(self.folder.glob('data/*/*.parquet')) or [self.folder / 'data']:
            table = self._table(str(path.relative_to(self.folder)))
            index = table.column('episode_index').to_numpy()
            for number in np.unique(index):
                rows = table.filter(self._arrow.array(index == number))
                yield self._episode(int(number), rows)

    def _episode(self, index: int, rows: Any) -> _Rows:
        actions = np.array(rows.column('action').to_pylist(), np.float64).reshape(len(rows), -1)
        actions = actions[:, list(self._columns)] / self.plan.divide_by
        # The last action has no picture after it, so it never counts; its range may be any.
        if len(actions) > 1 and not (np.abs(actions[:-1]) <= 1 + 1e-6).all():
            raise DataError(f'{self.folder}, episode {index}: actions up to '
                            f'{np.abs(actions[:-1]).max():.3g}, allowed: [-1, 1]; give the '
                            "dataset's unit as `divide_by`")
        names = rows.column_names
        stamps = (rows.column(STAMP_KEY).to_pylist() if STAMP_KEY in names else
                  [START_NS + round(1e9 * t) for t in rows.column('timestamp').to_pylist()])
        goal = _decode(rows.column(GOAL_KEY)[0].as_py()) if GOAL_KEY in names else None
        return _Rows(index, [_fit(p, self.task.image_size) for p in self._pictures(index, rows)],
                     actions, [int(s) for s in stamps],
                     goal if goal is not None and goal.any() else None)

    def _pictures(self, index: int, rows: Any) -> Iterator[Picture]:
        if self._features[self.camera]['dtype'] == 'image':
            for cell in rows.column(self.camera):
                yield _decode(cell.as_py(), self.folder)
        else:
            yield from self._video(index, len(rows))

    def _video(self, index: int, count: int) -> Iterator[Picture]:
        listed = self._table('meta/episodes/*/*.parquet')
        row = next(r for r in listed.to_pylist() if r['episode_index'] == index)
        prefix = f'videos/{self.camera}'
        path = self.folder / str(self._video_path).format(
            video_key=self.camera, chunk_index=row[f'{prefix}/chunk_index'],
            file_index=row[f'{prefix}/file_index'])
        video = cv2.VideoCapture(str(path))
        try:
            first = round(float(row[f'{prefix}/from_timestamp']) * self.rate)
            video.set(cv2.CAP_PROP_POS_FRAMES, first)
            for number in range(count):
                worked, pixels = video.read()
                if not worked:
                    raise DataError(f'{path}: picture {first + number} cannot be read; the video '
                                    'is damaged or of a codec that this OpenCV does not have')
                yield np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
        finally:
            video.release()


def _decode(cell: dict[str, Any], folder: Path = Path()) -> Picture:
    content = cell['bytes'] or (folder / str(cell['path'])).read_bytes()
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise DataError(f'dataset: {len(content)} bytes are no picture; the dataset is damaged')
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _fit(picture: Picture, size: int) -> Picture:
    height, width = picture.shape[:2]
    if (height, width) == (size, size):
        return picture
    return crop_and_resize(picture, CropRegion.centred_square(width, height), size)


def _write(rows: _Rows, target: Path, name: str, task: TaskConfig, origin: str) -> EpisodeFile:
    first, last, steps = rows.stamps_ns[0], rows.stamps_ns[-1], len(rows.pictures) - 1
    facts = {'episode_id': name, 'mode': 'collect' if rows.goal is None else 'reach',
             'task': task.name, **({} if rows.goal is None else {'goal_id': first - 1})}
    writer = EpisodeWriter(target, name, {'task': task.name, 'imported_from': origin})

    def put(topic: str, cdr: bytes, stamp: int) -> None:
        writer.write(f'/{topic}', cdr, stamp)

    put(schema.EVENTS, encode_event(first - 1, {'kind': 'reset', **facts}), first - 1)
    if rows.goal is not None:
        put(schema.GOAL_PREVIEW, encode_image(first - 1, rows.goal), first - 1)
    put(schema.EVENTS, encode_event(first, {'kind': 'start', **facts}), first)
    for number, (stamp, picture) in enumerate(zip(rows.stamps_ns, rows.pictures)):
        put(schema.IMAGE, encode_image(stamp, picture), stamp)
        if number < steps:
            velocity = action_to_velocity(rows.actions[number], task)
            put(schema.COMMAND, encode_twist(stamp, velocity), stamp)
    put(schema.EVENTS, encode_event(last, {'kind': 'end', **facts, 'steps': steps}), last)
    return writer.finish(outcome='end')


def import_lerobot(source: Path, target: Path, plan: ImportPlan,
                   only: Sequence[int] = ()) -> list[EpisodeFile]:
    """Write one recording per episode of a dataset below `target`.

    Args:
        source: folder of the dataset.
        target: folder of episodes.
        plan: how it is read.
        only: indices of episodes; () for all.

    Raises:
        ConfigError: the plan does not fit the dataset.
        DataError: a dataset that cannot be read, or an episode that exists already.
    """
    dataset = Dataset(source, plan)
    files = [_write(rows, target, f'{source.name}-{rows.index:06d}', dataset.task, source.name)
             for rows in dataset.episodes()
             if len(rows.pictures) > 1 and (not only or rows.index in only)]
    if not files:
        raise ConfigError(f'{source}: no episode chosen of two pictures or more')
    return files
