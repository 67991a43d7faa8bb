"""A whole run on a world without a simulator: files, figures, stop and resume."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dot_world import SIZE, DotWorld

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError

torch = pytest.importorskip('torch')
from rig_ros.evaluation import measured_run
from rig_ros.evaluation.training import TrainingRun
from rig_ros.learning import bundle as bundles
from rig_ros.learning.config import TD3Config, TrainConfig, VAEConfig
from rig_ros.learning.practice_config import ExploreConfig

TASK = dataclasses.replace(tasks.load('reach'), horizon=10)
CONFIG = TrainConfig(
    task='reach', image_size=SIZE, env_steps=80, replay_frames=1000,
    vae=VAEConfig(latent_dim=3, first_steps=5, batch_size=8),
    td3=TD3Config(hidden=(16,), batch_size=8, updates_per_step=0.5, first_updates=3),
    explore=ExploreConfig(random_steps=20))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_run, 'QUICK_EVERY_STEPS', 40)
    monkeypatch.setattr(measured_run, 'QUICK_GOALS', 2)


def run(directory: Path, config: TrainConfig = CONFIG, **options: Any) -> TrainingRun:
    return TrainingRun(directory, config, TASK, DotWorld(), options.pop('seed', 3),
                       checkpoint_every=30, **options)


def test_a_run_leaves_model_metrics_and_report(tmp_path):
    seen: list[int] = []
    training = run(tmp_path / 'r', evaluated=lambda steps, _: seen.append(steps))
    training.train()
    assert seen == [40, 80]
    figures = training.finish(goals=4, run={'command': 'test'})
    assert {p.name for p in (tmp_path / 'r').iterdir()} == {
        'config.yaml', 'metrics.csv', 'checkpoint.safetensors', 'bundle.safetensors',
        'report.html', 'report.json', 'figures.json', 'pictures'}
    assert figures['env_steps'] == 80
    assert figures['seed'] == 3
    assert figures['goals'] == 4
    assert 0 < figures['evaluation_wall_s'] < figures['wall_s']
    bundle = bundles.load(training.files.bundle, 'reach_xy')
    assert bundle.bundle_id == figures['bundle_id']
    assert bundle.manifest.image_size == SIZE
    assert bundle.manifest.run['command'] == 'test'
    assert bundle.manifest.evaluation['mean_final_distance_m'] == figures['mean_final_distance_m']
    steps, distances = training.files.series('hand_median_distance_m')
    assert steps == [40, 80]
    assert all(np.isfinite(distances))
    page = training.files.directory.joinpath('report.html').read_text()
    for title in ('Learning curve', 'Goals and results', 'Reconstructions', 'Imagined goals'):
        assert f'<h2>{title}</h2>' in page
    assert json.loads((tmp_path / 'r/report.json').read_text())['seed'] == 3


def test_the_bundle_acts_as_the_learner_did(tmp_path):
    training = run(tmp_path)
    training.train()
    training.finish(goals=1)
    bundle = bundles.load(training.files.bundle)
    image = DotWorld().reset()
    latent = training.learner.encode(image)
    np.testing.assert_allclose(bundle.encode(image)[0], latent, rtol=1e-4, atol=1e-5)
    goal = bundle.imagine(np.random.default_rng(0))
    np.testing.assert_allclose(bundle.act(latent, goal), training.learner.act(latent, goal),
                               rtol=1e-4, atol=1e-5)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole = run(tmp_path / 'whole')
    whole.train()

    class StopError(Exception):
        pass

    def stop(event: Any) -> None:
        if event.phase == 'collect' and event.env_steps >= 50:
            raise StopError

    with pytest.raises(StopError):
        run(tmp_path / 'cut', progress=stop).train()
    resumed = run(tmp_path / 'cut', seed=99, resume=True)
    assert resumed.learner.env_steps == 30
    assert resumed.learner.seed == 3
    resumed.train()
    for name, weights in whole.learner.modules['policy'].state_dict().items():
        assert torch.equal(weights, resumed.learner.modules['policy'].state_dict()[name]), name
    steps, _ = resumed.files.series('critic_loss')
    assert steps == whole.files.series('critic_loss')[0]


def test_a_resumed_run_counts_the_seconds_before(tmp_path):
    first = run(tmp_path, clock=iter(np.arange(0, 1e6, 1.0)).__next__)
    first.train()
    before = first.files.rows[-1]['wall_s']
    again = run(tmp_path, resume=True, clock=iter(np.arange(5e5, 1e6, 1.0)).__next__)
    assert before <= again.wall_s <= before + 2


def test_raises_error_if_a_gripper_would_let_go_at_the_goal(tmp_path):
    with pytest.raises(ConfigError, match=r"arrival: got 1.0, allowed: 0 for task 'pickup'"):
        TrainingRun(tmp_path / 'r', dataclasses.replace(CONFIG, arrival=1.0),
                    tasks.load('pickup'), DotWorld(), 0)
    assert not (tmp_path / 'r').exists()


def test_the_bundle_of_a_run_stands_still_as_its_recipe_says(tmp_path):
    training = run(tmp_path / 'r', dataclasses.replace(CONFIG, arrival=1.25, smoothing=0.5))
    training.train()
    training.finish(goals=2, run={'command': 'test'})
    manifest = bundles.load(training.files.bundle, 'reach_xy').manifest
    assert (manifest.arrival, manifest.smoothing) == (1.25, 0.5)
    training.release(tmp_path / 'm')
    assert 'within a latent distance of 1.25' in (tmp_path / 'm' / 'README.md').read_text()


def test_a_folder_in_use_is_refused(tmp_path):
    run(tmp_path / 'r')
    with pytest.raises(ConfigError, match='--resume'):
        run(tmp_path / 'r')


def test_a_comparison_without_a_vae_leaves_figures_and_no_model(tmp_path):
    training = run(tmp_path / 'r', dataclasses.replace(CONFIG, encoder='pixels'))
    training.train()
    figures = training.finish(goals=2)
    assert figures['sees'] == 'pictures'
    assert not training.files.bundle.exists()
    assert 'Goals and results' in training.files.directory.joinpath('report.html').read_text()
    with pytest.raises(ConfigError, match="encoder 'vae'"):
        training.release(tmp_path / 'model')
