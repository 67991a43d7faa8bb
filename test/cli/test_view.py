"""`rig_ros view`: what of a recording is shown, as Rerun's own file says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rerun')

from recorded_streams import Streams, latent_cdr, picture, twist_cdr
from typer.testing import CliRunner

from rig_ros.cli import rerun_drawing, view
from rig_ros.episodes import schema
from rig_ros.errors import ConfigError, DataError

pytestmark = pytest.mark.extras


class FakeStream:
    """Keeps what is logged: (time line's seconds, path, entity)."""

    def __init__(self) -> None:
        self.now = 0.0
        self.logged: list[tuple[float, str, Any]] = []

    def set_time(self, line: str, timestamp: float) -> None:
        assert line == 'stamp'
        self.now = timestamp

    def log(self, path: str, entity: Any, static: bool = False) -> None:
        self.logged.append((self.now, path, entity))

    def times(self, path: str) -> list[float]:
        return [now for now, logged, _ in self.logged if logged == path]


def drawn(streams: Streams) -> tuple[FakeStream, rerun_drawing.Drawing]:
    stream = FakeStream()
    drawing = rerun_drawing.Drawing(stream)
    for topic, cdr in streams.messages:
        drawing.take(schema.local_name(topic), cdr)
    return stream, drawing


def test_an_episode_is_shown_by_its_own_stamps():
    streams = Streams(steps=3, namespace='/lab').build()
    stream, drawing = drawn(streams)
    assert drawing.pictures == 4
    np.testing.assert_allclose(stream.times('camera'), [100.0, 100.1, 100.2, 100.3])
    np.testing.assert_allclose(stream.times('velocity/allowed'), [100.0, 100.1, 100.2])
    assert len(stream.times('goal')) == 1
    assert len(stream.times('episode')) == 3
    assert len(stream.times('scene/workspace')) == 1  # of task reach_xy, which the events name


def test_a_latent_without_a_mean_and_a_twist_without_a_hand_draw_no_more_than_they_say():
    stream = FakeStream()
    drawing = rerun_drawing.Drawing(stream)
    drawing.take(schema.LATENT, latent_cdr(5, 'enc'))
    drawing.take(schema.COMMAND, twist_cdr(5, (0.1, 0.0, 0.0)))
    drawing.take('unknown/topic', b'')
    assert [path for _, path, _ in stream.logged] == ['velocity/allowed']


def test_bytes_that_are_no_message_are_an_error():
    with pytest.raises(DataError):
        rerun_drawing.Drawing(FakeStream()).take(schema.IMAGE, b'\0\1\0\0bad')


def test_the_verb_writes_a_file_that_the_viewer_opens(tmp_path: Path):
    Streams(steps=4).build().write(tmp_path / 'episodes')
    file = tmp_path / 'seen.rrd'
    result = CliRunner().invoke(view.app, [str(tmp_path), '--save', str(file)])
    assert result.exit_code == 0, result.output
    assert '5 pictures shown' in result.output
    assert file.read_bytes()[:3] == b'RRF'


def test_without_rerun_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, 'rerun', None)
    monkeypatch.delitem(sys.modules, 'rig_ros.cli.rerun_drawing')
    result = CliRunner().invoke(view.app, ['somewhere'])
    assert isinstance(result.exception, ConfigError)
    assert "'.[view]'" in str(result.exception)


@pytest.mark.ros
def test_a_running_graph_is_shown_until_ctrl_c():
    pytest.importorskip('rclpy')
    from ros_bench import RosBench

    from rig_ros.ros import topics
    from rig_ros.ros.conversions import array_to_image, to_stamp

    class Leaving(FakeStream):
        def log(self, path: str, entity: Any, static: bool = False) -> None:
            super().log(path, entity, static)
            raise KeyboardInterrupt

    stream = Leaving()
    with RosBench() as bench:
        bench.publisher(topics.GOAL_PREVIEW).publish(array_to_image(picture(3), to_stamp(7)))
        view.watch(rerun_drawing.Drawing(stream), '', seconds=20.0)
    assert [path for _, path, _ in stream.logged] == ['goal']
