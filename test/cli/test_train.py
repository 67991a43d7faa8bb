"""`rig_ros train` and `rig_ros evaluate` as a user runs them, in the simulator."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rig_ros.cli import evaluate, train
from rig_ros.errors import RigError
from rig_ros.learning import bundle as bundles

pytest.importorskip('torch')
TINY = """
task: reach
image_size: 48
env_steps: 100
replay_frames: 2000
vae: {latent_dim: 2, networks: patch, first_steps: 20, batch_size: 8}
td3: {hidden: [16], batch_size: 16, updates_per_step: 1, first_updates: 10}
explore: {random_steps: 50}
"""
KEYS = {'median_final_distance_m', 'mean_final_distance_m', 'do_nothing_m', 'wall_s', 'env_steps',
        'seed'}


def rig_ros(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-m', 'rig_ros.cli.main', *arguments], cwd=folder,
                          capture_output=True, text=True, timeout=240, check=False,
                          env={**os.environ, **environment})


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with tiny.yaml, a run called `first`, and its figures."""
    folder = tmp_path_factory.mktemp('train')
    (folder / 'tiny.yaml').write_text(TINY)
    result = rig_ros('train', 'tiny.yaml', '--run', 'first', '--seed', '4', '--goals', '3',
                     '--json', 'figures.json', folder=folder)
    assert result.returncode == 0, result.stderr
    assert 'final distance on 3 held-out goals' in result.stdout
    return folder


@pytest.mark.render
def test_without_a_compiler_it_trains_all_the_same_and_says_so(tmp_path):
    (tmp_path / 'tiny.yaml').write_text(TINY.replace('td3: {', 'td3: {compile: auto, '))
    result = rig_ros('train', 'tiny.yaml', '--goals', '1', folder=tmp_path, CXX='no-such-compiler')
    assert result.returncode == 0, result.stderr
    assert "not compiled, and slower for it: there is no C++ compiler ('no-such" in result.stdout


@pytest.mark.render
def test_figures_have_the_keys_that_others_read(trained):
    figures = json.loads((trained / 'figures.json').read_text())
    assert figures.keys() >= KEYS
    assert (figures['env_steps'], figures['seed'], figures['task']) == (100, 4, 'reach_xy')
    assert 0.1 < figures['do_nothing_m'] < 0.25


@pytest.mark.render
def test_the_model_is_judged_the_same_again(trained):
    result = rig_ros('evaluate', 'runs/first', '--goals', '3', '--json', 'again.json', '--task',
                     'reach', '--report', 'report', folder=trained)
    assert result.returncode == 0, result.stderr
    first = json.loads((trained / 'figures.json').read_text())
    again = json.loads((trained / 'again.json').read_text())
    assert again.keys() >= KEYS
    assert again['bundle_id'] == first['bundle_id']
    assert again['env_steps'] == 100
    for key in ('median_final_distance_m', 'mean_final_distance_m', 'do_nothing_m'):
        assert again[key] == pytest.approx(first[key], abs=1e-3)
    assert (trained / 'report/report.html').stat().st_size > 10_000


@pytest.mark.render
def test_other_goals_need_another_seed(trained):
    result = rig_ros('evaluate', 'runs/first/bundle.safetensors', '--goals', '3', '--seed', '5',
                     '--json', 'other.json', folder=trained)
    assert result.returncode == 0, result.stderr
    first = json.loads((trained / 'figures.json').read_text())
    assert json.loads((trained / 'other.json').read_text())['do_nothing_m'] != pytest.approx(
        first['do_nothing_m'])


@pytest.mark.render
def test_goals_one_after_another_without_resets(trained):
    result = rig_ros('evaluate', 'runs/first', '--goals', '3', '--no-resets', '--json',
                     'on.json', folder=trained)
    assert result.returncode == 0, result.stderr
    first = json.loads((trained / 'figures.json').read_text())
    on = json.loads((trained / 'on.json').read_text())
    assert on['resets'] is False
    assert on['do_nothing_m'] != pytest.approx(first['do_nothing_m'], abs=1e-4)
    refused = rig_ros('evaluate', 'push_multi', '--no-resets', folder=trained)
    assert refused.returncode == 2
    assert "--no-resets: got 'push_multi', allowed: a task with the same objects" in refused.stderr


@pytest.mark.render
def test_a_model_is_measured_with_as_many_pucks_as_asked_for(trained):
    result = rig_ros('evaluate', 'push_multi', '--goals', '2', '--pucks', '3', '--json',
                     'three.json', folder=trained)
    assert result.returncode == 0, result.stderr
    three = json.loads((trained / 'three.json').read_text())
    assert three['pucks'] == 3
    assert {'puck0', 'puck1', 'puck2'} <= set(three['objects'])
    refused = rig_ros('evaluate', 'push_multi', '--pucks', '4', folder=trained)
    assert refused.returncode == 2
    assert '--pucks: got 4, allowed: no more than the task has (push_multi: 3)' in refused.stderr


@pytest.mark.render
def test_a_probe_says_what_the_latents_tell(trained):
    result = rig_ros('evaluate', 'runs/first', '--goals', '2', '--probe', '60', '--json',
                     'probe.json', folder=trained)
    assert result.returncode == 0, result.stderr
    assert 'hand in the picture with the nearest latent' in result.stdout
    hand = json.loads((trained / 'probe.json').read_text())['probe']['hand']
    assert 0 < hand['best'] <= hand['nearest'] < 2 * hand['chance']
    refused = rig_ros('evaluate', 'runs/first', '--probe', '10', folder=trained)
    assert refused.returncode == 2
    assert '--probe: got 10, allowed: 0, or 40 or more' in refused.stderr


@pytest.mark.render
def test_a_run_in_use_is_refused_and_a_longer_one_resumes(trained):
    metrics = trained / 'runs/first/metrics.csv'
    rows = len(metrics.read_text().splitlines())
    refused = rig_ros('train', 'tiny.yaml', '--run', 'first', folder=trained)
    assert refused.returncode == 2
    assert '--resume' in refused.stderr
    assert len(metrics.read_text().splitlines()) == rows
    other = rig_ros('train', 'reach', '--run', 'first', '--resume', folder=trained)
    assert other.returncode == 2
    assert 'differs from the recipe' in other.stderr
    longer = rig_ros('train', 'tiny.yaml', '--run', 'first', '--resume', '--steps', '150',
                     '--goals', '2', '--json', 'longer.json', folder=trained)
    assert longer.returncode == 0, longer.stderr
    figures = json.loads((trained / 'longer.json').read_text())
    assert (figures['env_steps'], figures['seed']) == (150, 4)
    assert len(metrics.read_text().splitlines()) > rows


@pytest.mark.render
def test_ctrl_c_ends_with_the_command_that_goes_on(tmp_path):
    (tmp_path / 'tiny.yaml').write_text(TINY)
    process = subprocess.Popen(
        [sys.executable, '-m', 'rig_ros.cli.main', 'train', 'tiny.yaml', '--run', 'long',
         '--steps', '100000'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True)
    try:
        metrics = tmp_path / 'runs/long/metrics.csv'
        deadline = time.monotonic() + 120
        while not metrics.exists() and time.monotonic() < deadline:
            time.sleep(0.05)  # another process's file
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, output
    assert '--resume' in output
    assert 'Traceback' not in output


@pytest.mark.parametrize(('app', 'arguments', 'says'), [
    (train.app, ['dance'], 'training recipe'),
    (train.app, ['reach', '--resume'], '--run'),
    (train.app, ['reach', '--resume', '--run', 'none'], 'does not exist'),
    (evaluate.app, ['none.safetensors'], 'cannot be read'),
    (evaluate.app, ['folder'], 'exactly one bundle'),
    (evaluate.app, ['dance'], 'available there'),
    (evaluate.app, ['text.safetensors'], 'not a safetensors file')])
def test_mistakes_say_what_is_allowed(tmp_path, monkeypatch, app, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'text.safetensors').write_text('hello there')
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, RigError)
    assert says in str(result.exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['folder', 'text.safetensors']


@pytest.mark.render
def test_a_model_of_another_task_is_refused(trained):
    result = rig_ros('evaluate', 'runs/first', '--task', 'push', folder=trained)
    assert result.returncode == 2
    assert "'reach_xy', allowed: 'push'" in result.stderr


def test_misspelt_key_is_named_with_the_right_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'bad.yaml').write_text(TINY.replace('latent_dim', 'latent_dims'))
    result = CliRunner().invoke(train.app, ['bad.yaml'])
    assert "did you mean 'latent_dim'" in str(result.exception)
    assert not (tmp_path / 'runs').exists()


def test_threads_are_decided_before_torch_starts_its_own(tmp_path):
    """Two spinning threads beside another busy process trained 10 to 50 times slower than one."""
    script = ('from rig_ros.cli.train import use_threads; use_threads(1); import torch; '
              'print(torch.get_num_threads())')
    result = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                            env={**os.environ, 'OMP_NUM_THREADS': '2'}, timeout=60, check=True)
    assert result.stdout.strip() == '1'


@pytest.mark.render
def test_a_release_has_a_card_with_the_figures(trained):
    result = rig_ros('train', 'tiny.yaml', '--run', 'first', '--resume', '--goals', '2',
                     '--release', 'models/mine', folder=trained)
    assert result.returncode == 0, result.stderr
    card = (trained / 'models/mine/README.md').read_text()
    figures = json.loads((trained / 'runs/first/figures.json').read_text())
    released = trained / 'models/mine/mine.safetensors'
    bundle_id = hashlib.sha256(released.read_bytes()).hexdigest()
    for text in (bundle_id, figures['encoder_id'], '--release models/mine',
                 f"| hand | {100 * figures['median_final_distance_m']:.2f} cm"):
        assert text in card
    whole = trained / 'runs/first/bundle.safetensors'
    assert released.stat().st_size < whole.stat().st_size  # the critics stay in the run
    picture = np.zeros((48, 48, 3), np.uint8)
    np.testing.assert_array_equal(bundles.load(released).encode(picture)[0],
                                  bundles.load(whole).encode(picture)[0])
