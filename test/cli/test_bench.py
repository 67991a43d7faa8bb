"""`rig_ros bench`: figures come out, as text and as JSON."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rig_ros.cli import bench
from rig_ros.errors import ConfigError

pytest.importorskip('torch')

SMALL = """
task: reach
image_size: 48
replay_frames: 3000
vae: {latent_dim: 2, networks: patch, batch_size: 8}
td3: {hidden: [16], batch_size: 16}
"""


def test_updates_are_counted_for_each_recipe(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / f'{name}.yaml').write_text(SMALL)
    paths = [str(tmp_path / f'{name}.yaml') for name in ('a', 'b')]
    result = CliRunner().invoke(bench.app, [
        'updates', '--seconds', '0.1', '--recipe', paths[0], '--recipe', paths[1],
        '--json', str(tmp_path / 'f.json')])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / 'f.json').read_text())
    assert figures['updates_per_s'].keys() == set(paths)
    assert min(figures['updates_per_s'].values()) > 0
    assert min(figures['vae_minibatches_per_s'].values()) > 0


def test_updates_of_an_encoder_of_objects_are_counted_on_pictures_with_objects(tmp_path):
    """Noise had no colour that moves with the actions, and was refused as if a camera were off.

    So were small squares, on some processors: 24 colours shared the few pixels of the one that
    moves.
    """
    recipe = tmp_path / 'objects.yaml'
    recipe.write_text(SMALL.replace('task: reach', 'task: push_multi\nencoder: objects').replace(
        'vae: {latent_dim: 2, networks: patch, batch_size: 8}', 'reward: {kind: objects}'))
    result = CliRunner().invoke(bench.app, [
        'updates', '--seconds', '0.1', '--recipe', str(recipe),
        '--json', str(tmp_path / 'f.json')], catch_exceptions=False)
    assert 'VAE' not in result.output
    figures = json.loads((tmp_path / 'f.json').read_text())
    assert figures['updates_per_s'][str(recipe)] > 0


def test_recipes_without_pictures_are_not_benched():
    with pytest.raises(ConfigError, match=r"'state'.*an encoder of pictures"):
        CliRunner().invoke(bench.app, ['updates', '--recipe', 'push_state_oracle'],
                           catch_exceptions=False)


def test_raises_error_if_there_is_no_such_device():
    with pytest.raises(ConfigError, match='--device'):
        CliRunner().invoke(bench.app, ['updates', '--device', 'tpu'], catch_exceptions=False)


def test_a_replay_in_a_file_is_restored(tmp_path):
    (tmp_path / 'a.yaml').write_text(SMALL)
    result = CliRunner().invoke(bench.app, [
        'replay', '--frames', '520', '--seconds', '0.1', '--storage', 'file', '--recipe',
        str(tmp_path / 'a.yaml'), '--out', str(tmp_path / 'out'),
        '--json', str(tmp_path / 'f.json')])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / 'f.json').read_text())
    assert (figures['frames'], figures['restored']) == (510, 1)
    assert figures['peak_gb'] > 0.05
    assert list((tmp_path / 'out').iterdir()) == []


@pytest.mark.render
def test_sim_counts_steps(tmp_path):
    result = CliRunner().invoke(bench.app, ['sim', '--seconds', '0.2', '--json',
                                            str(tmp_path / 'f.json')])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / 'f.json').read_text())['steps_per_s'] > 1


def test_the_counter_divides_work_by_time():
    from rig_ros.learning.bench import _rate

    clock = iter([0.0, 1.0, 2.0, 3.0, 4.0, 4.0]).__next__
    assert _rate(lambda: 5, 3.0, clock) == pytest.approx(10 / 4)
