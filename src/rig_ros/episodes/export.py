"""Transitions out of recordings into other tools' files: LeRobot's dataset format and numpy.

LeRobot's layout (version 3.0) with lossless pictures inside the parquet files; read back by
`lerobot_import`. Each unbroken stretch of transitions becomes one of its episodes, because there
rows follow each other at a fixed rate: `timestamp` is row / rate as that format wants it, the real
stamps are in the column `stamp_ns`. A stretch of T transitions has T + 1 rows; the last row's
action is zero, as no command was executed on that picture, and its `next.done` is true.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.control.task import TaskConfig
from rig_ros.episodes.assembler import Segment, assemble
from rig_ros.episodes.reading import find_episodes
from rig_ros.errors import ConfigError, DataError
from rig_ros.vision.image import Picture, encode_picture

LEROBOT_VERSION = 'v3.0'
IMAGE_KEY = 'observation.image'
GOAL_KEY = 'observation.image_goal'
STAMP_KEY = 'stamp_ns'
CHUNK = 'chunk-{chunk_index:03d}/file-{file_index:03d}'
FILE_BYTES = 100 << 20
"""A parquet file is not added to once it is this long."""


@dataclass(frozen=True)
class Stretch:
    """One unbroken stretch and the recording it is from."""

    name: str
    segment: Segment


def arrow() -> Any:
    """Return pyarrow, which only LeRobot's format needs.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise ConfigError("LeRobot's format: needs the Python package pyarrow, which is not "
                          "installed; pip install -e '.[data]' in a clone") from error
    return pyarrow


def stretches(sources: Sequence[Path], task: TaskConfig) -> Iterator[Stretch]:
    """Yield the unbroken stretches of all recordings below the sources.

    Raises:
        DataError: a damaged recording, or one of another task.
    """
    for path in [file for source in sources for file in find_episodes(source)]:
        episode = assemble(path, task)
        if episode.task and episode.task != task.name:
            raise DataError(f'{path}: recorded for task {episode.task!r}, allowed: '
                            f'{task.name!r}; export one task at a time')
        for number, segment in enumerate(episode.segments):
            yield Stretch(f'{path.stem}-{number}', segment)


def to_numpy(sources: Sequence[Path], target: Path, task_name: str) -> int:
    """Write one compressed .npz per stretch; return how many.

    Each holds `images` (T + 1, height, width, 3) uint8, `actions` (T, n), `stamps_ns` (T + 1,)
    and `goal` (height, width, 3) where there was one.

    Raises:
        DataError: a damaged recording, no transitions, or a target that exists.
    """
    with _Making(target) as making:
        count = 0
        for stretch in stretches(sources, tasks.load(task_name)):
            part = stretch.segment
            arrays: dict[str, Any] = {'images': part.images_thwc_u8, 'actions': part.actions,
                                      'stamps_ns': part.stamps_ns}
            if part.goal_image_hwc_u8 is not None:
                arrays['goal'] = part.goal_image_hwc_u8
            np.savez_compressed(making.folder / f'{stretch.name}.npz', **arrays)
            count += 1
        making.require_content(count, sources)
    return count


class _Making:
    """A folder that appears under its name when the block ends well, and not at all otherwise."""

    def __init__(self, target: Path) -> None:
        if target.exists():
            raise DataError(f'{target}: exists already and is never overwritten; choose another '
                            'name or move it away')
        self._target = target
        self.folder = target.with_name(f'.{target.name}.tmp')

    def require_content(self, count: int, sources: Sequence[Path]) -> None:
        if not count:
            raise DataError(f'{[str(s) for s in sources]}: hold no transitions, so there is '
                            'nothing to export; look with `rig_ros inspect`')

    def __enter__(self) -> _Making:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.folder.rename(self._target)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def to_lerobot(sources: Sequence[Path], target: Path, task_name: str) -> int:
    """Write a dataset that LeRobot 3.0 and `rig_ros data import` read; return its episodes.

    Raises:
        ConfigError: pyarrow is not installed, or an unknown task.
        DataError: a damaged recording, no transitions, or a target that exists.
    """
    pa = arrow()
    task = tasks.load(task_name)
    with _Making(target) as making, _Writer(pa, making.folder, task) as writer:
        for stretch in stretches(sources, task):
            writer.add(stretch.segment)
        making.require_content(len(writer.episodes), sources)
        writer.finish()
    return len(writer.episodes)


@dataclass
class _Statistics:
    """Running minimum, maximum, mean and deviation of a column's components."""

    low: Any = np.inf
    high: Any = -np.inf
    total: Any = 0.0
    squares: Any = 0.0
    count: int = 0
    shape: tuple[int, ...] = field(default=(-1,))

    def add(self, values: NDArray[Any]) -> None:
        """Take values of shape (N, components)."""
        values = values.astype(np.float64)
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        self.total = self.total + values.sum(axis=0)
        self.squares = self.squares + (values**2).sum(axis=0)
        self.count += len(values)

    def as_json(self, rows: int) -> dict[str, Any]:
        """Return LeRobot's keys."""
        mean = self.total / self.count
        std = np.sqrt(np.maximum(0.0, self.squares / self.count - mean**2))
        values = {'min': self.low, 'max': self.high, 'mean': mean, 'std': std}
        return {**{k: np.reshape(v, self.shape).tolist() for k, v in values.items()},
                'count': [rows]}


class _Writer:
    """Writes data files as stretches come, and the metadata at the end."""

    def __init__(self, pa: Any, folder: Path, task: TaskConfig) -> None:
        self.episodes: list[dict[str, Any]] = []
        self._pa, self._folder, self._task = pa, folder, task
        self._rows = 0
        self._file: Any = None
        self._file_index = -1
        self._path = folder
        picture = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
        self._schema = pa.schema([
            (IMAGE_KEY, picture), (GOAL_KEY, picture),
            ('action', pa.list_(pa.float32(), task.action_dim)),
            (STAMP_KEY, pa.int64()), ('next.done', pa.bool_()), ('timestamp', pa.float32()),
            *[(name, pa.int64()) for name in
              ('frame_index', 'episode_index', 'index', 'task_index')]])
        images = _Statistics(shape=(3, 1, 1))
        self._statistics = {IMAGE_KEY: images, 'action': _Statistics()}

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> Any:
        if self._file is None or self._path.stat().st_size > FILE_BYTES:
            if self._file is not None:
                self._file.close()
            self._file_index += 1
            name = CHUNK.format(chunk_index=0, file_index=self._file_index)
            self._path = self._folder / 'data' / f'{name}.parquet'
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._pa.parquet.ParquetWriter(self._path, self._schema,
                                                        compression='zstd')
        return self._file

    def add(self, part: Segment) -> None:
        """Write one stretch as one episode."""
        rows, dim = len(part.stamps_ns), self._task.action_dim
        actions = np.concatenate([part.actions, np.zeros((1, dim), np.float32)])
        goal = part.goal_image_hwc_u8
        empty = np.zeros_like(part.images_thwc_u8[0])
        goal_cell = _cell(empty if goal is None else goal)
        frame = np.arange(rows)
        columns = {
            IMAGE_KEY: [_cell(p) for p in part.images_thwc_u8], GOAL_KEY: [goal_cell] * rows,
            'action': actions.tolist(), STAMP_KEY: part.stamps_ns.tolist(),
            'next.done': (frame == rows - 1).tolist(),
            'timestamp': (frame / self._task.control_hz).tolist(), 'frame_index': frame.tolist(),
            'episode_index': [len(self.episodes)] * rows,
            'index': (self._rows + frame).tolist(), 'task_index': [0] * rows}
        writer = self._open()
        writer.write_table(self._pa.table(columns, schema=self._schema))
        self._statistics[IMAGE_KEY].add(part.images_thwc_u8.reshape(-1, 3) / 255.0)
        self._statistics['action'].add(actions)
        self.episodes.append({
            'episode_index': len(self.episodes), 'tasks': [self._task.name], 'length': rows,
            'data/chunk_index': 0, 'data/file_index': self._file_index,
            'dataset_from_index': self._rows, 'dataset_to_index': self._rows + rows,
            'meta/episodes/chunk_index': 0, 'meta/episodes/file_index': 0})
        self._rows += rows

    def finish(self) -> None:
        """Write info, statistics, tasks and the list of episodes."""
        pa, meta = self._pa, self._folder / 'meta'
        name = CHUNK.format(chunk_index=0, file_index=0)
        listed = meta / 'episodes' / f'{name}.parquet'
        listed.parent.mkdir(parents=True)
        pa.parquet.write_table(pa.Table.from_pylist(self.episodes), listed)
        # LeRobot looks tasks up by the index of a pandas table; this is how pandas marks it.
        index = {'index_columns': ['task'], 'column_indexes': [], 'columns': [
            {'name': 'task_index', 'field_name': 'task_index', 'pandas_type': 'int64',
             'numpy_type': 'int64', 'metadata': None},
            {'name': 'task', 'field_name': 'task', 'pandas_type': 'unicode',
             'numpy_type': 'object', 'metadata': None}]}
        known = pa.table({'task_index': [0], 'task': [self._task.name]})
        pa.parquet.write_table(known.replace_schema_metadata({'pandas': json.dumps(index)}),
                               meta / 'tasks.parquet')
        _write_json(meta / 'info.json', self._information())
        _write_json(meta / 'stats.json', {key: statistics.as_json(self._rows)
                                          for key, statistics in self._statistics.items()})

    def _information(self) -> dict[str, Any]:
        size, rate = self._task.image_size, self._task.control_hz
        picture = {'dtype': 'image', 'shape': [size, size, 3],
                   'names': ['height', 'width', 'channels']}
        single = {name: {'dtype': kind, 'shape': [1], 'names': None} for name, kind in (
            (STAMP_KEY, 'int64'), ('next.done', 'bool'), ('timestamp', 'float32'),
            ('frame_index', 'int64'), ('episode_index', 'int64'), ('index', 'int64'),
            ('task_index', 'int64'))}
        return {
            'codebase_version': LEROBOT_VERSION, 'robot_type': 'sawyer',
            'total_episodes': len(self.episodes), 'total_frames': self._rows, 'total_tasks': 1,
            'chunks_size': 1000, 'data_files_size_in_mb': FILE_BYTES >> 20,
            'video_files_size_in_mb': 200, 'fps': int(rate) if rate == int(rate) else rate,
            'splits': {'train': f'0:{len(self.episodes)}'},
            'data_path': f'data/{CHUNK}.parquet', 'video_path': None,
            'features': {IMAGE_KEY: picture, GOAL_KEY: picture,
                         'action': {'dtype': 'float32', 'shape': [self._task.action_dim],
                                    'names': list(self._task.axes)}, **single}}


def _cell(picture: Picture) -> dict[str, Any]:
    return {'bytes': encode_picture(picture), 'path': None}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + '\n', encoding='utf-8')
