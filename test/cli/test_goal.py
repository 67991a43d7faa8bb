"""Goal pictures on their way into a running graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rig_ros.cli import goal
from rig_ros.errors import DataError, HardwareError, RigError
from rig_ros.vision.image import read_picture, write_picture


def pattern(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_fit_takes_the_centred_square_of_a_wide_picture():
    wide = np.zeros((100, 300, 3), dtype=np.uint8)
    wide[:, 100:200] = pattern(100, 100)
    np.testing.assert_array_equal(goal.fit(wide, 100), wide[:, 100:200])
    assert goal.fit(wide, 84).shape == (84, 84, 3)


def test_fit_refuses_a_picture_whose_middle_shows_nothing():
    wide = np.zeros((100, 300, 3), dtype=np.uint8)
    wide[:, :100] = pattern(100, 100)
    with pytest.raises(DataError, match='one colour'):
        goal.fit(wide, 84)


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('gone.png', None, 'cannot be read'),
    ('text.png', b'no picture at all', 'is not a picture'),
    ('empty.png', b'', 'is not a picture'),
    ('black.png', 'black', 'one colour'),
    ('cut.png', 'cut', 'cut off'),
])
def test_send_refuses_a_bad_file_before_it_asks_anybody(
        tmp_path: Path, name: str, content: bytes | str | None, message: str):
    path = tmp_path / name
    if content in ('black', 'cut'):
        write_picture(path, np.zeros((84, 84, 3), np.uint8) if content == 'black'
                      else pattern(84, 84))
        if content == 'cut':
            path.write_bytes(path.read_bytes()[:-500])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    result = CliRunner().invoke(goal.app, ['send', str(path)])
    assert isinstance(result.exception, DataError)
    assert message in str(result.exception)


@pytest.mark.ros
def test_without_a_graph_the_message_says_what_to_start(tmp_path: Path):
    result = CliRunner().invoke(goal.app, ['clear', '--timeout', '0.3'])
    assert isinstance(result.exception, HardwareError)
    assert 'rig_ros up' in str(result.exception)


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A simulation with a goal node whose model knows nothing but encodes."""
    from random_bundle import content

    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    folder = tmp_path_factory.mktemp('goal')
    (folder / 'model.safetensors').write_bytes(content())
    chosen = graph.deployment('sim', {'bundle': str(folder / 'model.safetensors')})
    specs = [spec for spec in chosen.nodes() if spec.name in ('sim', 'goal')]
    with Supervisor(chosen, folder / 'log', specs=specs):
        yield folder


@pytest.mark.ros
@pytest.mark.render
@pytest.mark.slow
def test_capture_send_and_clear_on_a_running_graph(running: Path, tmp_path: Path):
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient

    run, file = CliRunner().invoke, tmp_path / 'goal.png'
    result = run(goal.app, ['capture', str(file), '--timeout', '60'], catch_exceptions=False)
    assert '84x84' in result.output
    seen = read_picture(file)
    assert seen.shape == (84, 84, 3)
    result = run(goal.app, ['send', str(file), '--timeout', '60'], catch_exceptions=False)
    assert 'accepted' in result.output
    with GraphClient() as graph:
        assert graph.take(topics.GOAL_LATENT).width == 1
        with pytest.raises(RigError, match=r'refused.*100x100'):
            graph.send_goal(pattern(100, 100), timeout_s=20)
    assert run(goal.app, ['clear', '--timeout', '20']).exit_code == 0
    with GraphClient() as graph:
        assert graph.take(topics.GOAL_LATENT).width == 0
