"""Export for LeRobot and numpy, import back: the same transitions."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from recorded_streams import Streams

from rig_ros.control import task as tasks
from rig_ros.episodes.assembler import assemble
from rig_ros.episodes.export import to_lerobot, to_numpy
from rig_ros.episodes.lerobot_import import ImportPlan, import_lerobot
from rig_ros.errors import ConfigError, DataError

TASK = tasks.load('reach_xy')


def two_recordings(folder: Path) -> list[Path]:
    """One whole, one with a picture missing in the middle: three stretches."""
    whole = Streams(steps=4).build().write(folder, 'a').path
    streams = Streams(steps=8).build()
    del streams.messages[4 + 4 * 4]
    return [whole, streams.write(folder, 'b').path]


def test_numpy_files_hold_the_transitions(tmp_path: Path):
    two_recordings(tmp_path / 'in')
    assert to_numpy([tmp_path / 'in'], tmp_path / 'out', 'reach_xy') == 3
    names = [p.name for p in sorted((tmp_path / 'out').iterdir())]
    assert names == ['a-0.npz', 'b-0.npz', 'b-1.npz']
    (segment,) = assemble(tmp_path / 'in' / 'a' / 'a.mcap', TASK).segments
    with np.load(tmp_path / 'out' / 'a-0.npz') as held:
        assert np.array_equal(held['images'], segment.images_thwc_u8)
        assert np.array_equal(held['actions'], segment.actions)
        assert np.array_equal(held['stamps_ns'], segment.stamps_ns)
        assert np.array_equal(held['goal'], segment.goal_image_hwc_u8)
    with pytest.raises(DataError, match='never overwritten'):
        to_numpy([tmp_path / 'in'], tmp_path / 'out', 'reach_xy')


def test_export_of_nothing_or_of_another_task_leaves_nothing(tmp_path: Path):
    two_recordings(tmp_path / 'in')
    with pytest.raises(DataError, match="recorded for task 'reach_xy'"):
        to_numpy([tmp_path / 'in'], tmp_path / 'out', 'push')
    streams = Streams(steps=0).build()
    streams.write(tmp_path / 'empty', 'e')
    with pytest.raises(DataError, match='hold no transitions'):
        to_numpy([tmp_path / 'empty'], tmp_path / 'out', 'reach_xy')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['empty', 'in']


class TestLeRobot:
    """Needs pyarrow."""

    @pytest.fixture(autouse=True)
    def _arrow(self):
        self.parquet = pytest.importorskip('pyarrow.parquet')

    def test_layout_is_the_documented_one(self, tmp_path: Path):
        two_recordings(tmp_path / 'in')
        assert to_lerobot([tmp_path / 'in'], tmp_path / 'set', 'reach_xy') == 3
        info = json.loads((tmp_path / 'set/meta/info.json').read_text())
        assert (info['codebase_version'], info['fps'], info['total_episodes']) == ('v3.0', 10, 3)
        rows = self.parquet.read_table(
            tmp_path / 'set' / info['data_path'].format(chunk_index=0, file_index=0))
        assert set(rows.column_names) == set(info['features'])
        assert len(rows) == info['total_frames'] == 5 + 4 + 4
        assert rows.column('index').to_pylist() == list(range(13))
        assert rows.column('next.done').to_pylist().count(True) == 3
        assert rows.column('timestamp').to_pylist()[:5] == pytest.approx([0, .1, .2, .3, .4])
        episodes = self.parquet.read_table(
            tmp_path / 'set/meta/episodes/chunk-000/file-000.parquet').to_pylist()
        assert [(e['dataset_from_index'], e['dataset_to_index'], e['length'])
                for e in episodes] == [(0, 5, 5), (5, 9, 4), (9, 13, 4)]
        tasks_table = self.parquet.read_table(tmp_path / 'set/meta/tasks.parquet')
        assert tasks_table.to_pylist() == [{'task_index': 0, 'task': 'reach_xy'}]
        assert json.loads(tasks_table.schema.metadata[b'pandas'])['index_columns'] == ['task']
        stats = json.loads((tmp_path / 'set/meta/stats.json').read_text())
        assert np.shape(stats['observation.image']['mean']) == (3, 1, 1)
        assert np.shape(stats['action']['std']) == (2,)

    def test_import_gives_back_the_same_transitions(self, tmp_path: Path):
        files = two_recordings(tmp_path / 'in')
        to_lerobot([tmp_path / 'in'], tmp_path / 'set', 'reach_xy')
        made = import_lerobot(tmp_path / 'set', tmp_path / 'back', ImportPlan('reach_xy'))
        before = [s for f in files for s in assemble(f, TASK).segments]
        after = [assemble(f.path, TASK) for f in made]
        assert [e.mode for e in after] == ['reach'] * 3
        assert [e.outcome for e in after] == ['end'] * 3
        for old, (new,) in zip(before, [e.segments for e in after]):
            assert np.array_equal(old.images_thwc_u8, new.images_thwc_u8)
            assert np.array_equal(old.stamps_ns, new.stamps_ns)
            assert np.array_equal(old.goal_image_hwc_u8, new.goal_image_hwc_u8)
            assert np.allclose(old.actions, new.actions, atol=1e-6)

    def test_import_of_a_foreign_dataset_with_video(self, tmp_path: Path):
        folder = foreign_dataset(tmp_path / 'foreign')
        plan = ImportPlan('reach_xy', columns=(2, 0), divide_by=4.0)
        first, second = import_lerobot(folder, tmp_path / 'back', plan)
        (segment,) = assemble(second.path, TASK).segments
        assert segment.images_thwc_u8.shape == (6, 84, 84, 3)
        # The second episode's pictures are the brighter ones of the common video.
        assert segment.images_thwc_u8.mean() > 150
        assert assemble(first.path, TASK).segments[0].images_thwc_u8.mean() < 100
        assert np.allclose(segment.actions, [[0.75, 0.25]] * 5)
        with pytest.raises(DataError, match='actions up to 3'):
            import_lerobot(folder, tmp_path / 'x', ImportPlan('reach_xy', columns=(2, 0)))
        with pytest.raises(ConfigError, match='2 of 0 to 2'):
            import_lerobot(folder, tmp_path / 'x', ImportPlan('reach_xy'))
        with pytest.raises(ConfigError, match="camera: got 'left'"):
            import_lerobot(folder, tmp_path / 'x', ImportPlan('reach_xy', 'left'))

    def test_other_versions_and_other_folders_are_refused(self, tmp_path: Path):
        with pytest.raises(DataError, match='is no LeRobot dataset'):
            import_lerobot(tmp_path, tmp_path / 'x', ImportPlan('reach_xy'))
        folder = foreign_dataset(tmp_path / 'foreign')
        info = folder / 'meta/info.json'
        info.write_text(info.read_text().replace('v3.0', 'v2.1'))
        with pytest.raises(DataError, match='version v2.1'):
            import_lerobot(folder, tmp_path / 'x', ImportPlan('reach_xy'))


def foreign_dataset(folder: Path) -> Path:
    """Two episodes of six rows in the documented layout, pictures 64x48 in one video file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    key, name = 'observation.images.top', 'chunk-000/file-000'
    for part in ('data/chunk-000', 'meta/episodes/chunk-000', f'videos/{key}/chunk-000'):
        (folder / part).mkdir(parents=True)
    path = folder / f'videos/{key}/{name}.mp4'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 10, (64, 48))
    if not video.isOpened():
        pytest.skip('this OpenCV writes no video')
    for row in range(12):
        video.write(np.full((48, 64, 3), 40 if row < 6 else 220, np.uint8))
    video.release()
    index = [0] * 6 + [1] * 6
    pq.write_table(pa.table({
        'action': [[1.0, 9.0, 3.0]] * 12, 'episode_index': index, 'index': list(range(12)),
        'timestamp': [0.1 * (row % 6) for row in range(12)]}), folder / f'data/{name}.parquet')
    pq.write_table(pa.table({
        'episode_index': [0, 1], f'videos/{key}/chunk_index': [0, 0],
        f'videos/{key}/file_index': [0, 0], f'videos/{key}/from_timestamp': [0.0, 0.6],
        f'videos/{key}/to_timestamp': [0.6, 1.2]}),
        folder / f'meta/episodes/{name}.parquet')
    (folder / 'meta/info.json').write_text(json.dumps({
        'codebase_version': 'v3.0', 'fps': 10,
        'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
        'features': {key: {'dtype': 'video', 'shape': [48, 64, 3]},
                     'action': {'dtype': 'float32', 'shape': [3]}}}))
    return folder
