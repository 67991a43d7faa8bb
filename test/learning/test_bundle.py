"""Bundles: what is written comes back, and nothing damaged or foreign is accepted."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.errors import DataError, ModelMismatch

torch = pytest.importorskip('torch')
from rig_ros.learning import bundle as bundles
from rig_ros.learning import bundle_file
from rig_ros.learning.manifest import METADATA_KEY, Manifest, from_json

LATENT_DIM = 4
SIZE = 48


class TinyVae(torch.nn.Module):
    """Encodes the mean colours of the picture's left and right half."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(6, 2 * latent_dim)
        self.decoder = torch.nn.Linear(latent_dim, 6)

    def encode(self, images: Any) -> tuple[Any, Any]:
        halves = images.float().div(255).unflatten(2, (2, -1)).mean(dim=(1, 3)).flatten(1)
        mean, log_variance = self.encoder(halves).chunk(2, dim=1)
        return mean, log_variance

    @property
    def encoder_id(self) -> str:
        return hashlib.sha256(self.encoder.weight.detach().numpy().tobytes()).hexdigest()[:16]

    def decode(self, latent: Any) -> Any:
        halves = torch.sigmoid(self.decoder(latent)).unflatten(1, (1, 2, 3))
        halves = (halves * 255).to(torch.uint8)
        return halves.repeat_interleave(SIZE // 2, dim=2).repeat_interleave(SIZE, dim=1)


class TinyPolicy(torch.nn.Module):
    """Moves along the difference of the first latents."""

    def __init__(self, latent_dim: int, action_dim: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2 * latent_dim, action_dim)

    def forward(self, latent: Any, goal: Any) -> Any:
        return torch.tanh(self.layer(torch.cat([latent, goal], dim=1)))


def build(architecture: Any) -> dict[str, Any]:
    return {'vae': TinyVae(**architecture['vae']), 'policy': TinyPolicy(**architecture['policy'])}


@pytest.fixture
def modules() -> dict[str, Any]:
    torch.manual_seed(3)
    return {'vae': TinyVae(LATENT_DIM), 'policy': TinyPolicy(LATENT_DIM, 2),
            'critic': torch.nn.Linear(3, 1)}


@pytest.fixture
def manifest(modules: dict[str, Any]) -> Manifest:
    task = replace(tasks.load('reach'), image_size=SIZE)
    return Manifest.for_task(
        task, encoder_id=modules['vae'].encoder_id, latent_dim=LATENT_DIM,
        architecture={'vae': {'latent_dim': LATENT_DIM},
                      'policy': {'latent_dim': LATENT_DIM, 'action_dim': 2}},
        goal_prior_mean=(0.0, 1.0, 2.0, 3.0), goal_prior_std=(0.1,) * LATENT_DIM,
        run={'name': 'test', 'seed': 3}, evaluation={'median_final_distance_m': 0.01})


@pytest.fixture
def content(manifest: Manifest, modules: dict[str, Any]) -> bytes:
    return bundles.to_bytes(manifest, modules)


def with_metadata(content: bytes, change: dict[str, Any]) -> bytes:
    """Return the file with other manifest values and the same weights."""
    size = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8:8 + size])
    manifest = json.loads(header['__metadata__'][METADATA_KEY])
    header['__metadata__'][METADATA_KEY] = json.dumps({**manifest, **change})
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, 'little') + text + content[8 + size:]


def test_file_comes_back_with_manifest_weights_and_id(tmp_path, manifest, modules):
    path = tmp_path / 'run' / 'reach.safetensors'
    bundle_id = bundles.save(path, manifest, modules)
    loaded = bundles.load(path, 'reach_xy', build)
    assert loaded.manifest == manifest
    assert loaded.bundle_id == bundle_id
    assert len(bundle_id) == 64
    torch.testing.assert_close(loaded.extra['critic.weight'], modules['critic'].weight)
    image = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    expected = modules['vae'].encode(torch.from_numpy(image)[None])
    mean, log_variance = loaded.encode(image)
    np.testing.assert_array_equal(mean, expected[0][0].detach().numpy())
    np.testing.assert_array_equal(log_variance, expected[1][0].detach().numpy())


def test_same_model_gives_the_same_bytes(content, manifest, modules):
    assert bundles.to_bytes(manifest, modules) == content


def test_inference_gives_arrays_that_are_kept(content):
    bundle = bundles.loads(content, build=build)
    dark, _ = bundle.encode(np.zeros((SIZE, SIZE, 3), np.uint8))
    kept = dark.copy()
    bright, _ = bundle.encode(np.full((SIZE, SIZE, 3), 255, np.uint8))
    np.testing.assert_array_equal(dark, kept)
    assert not np.allclose(dark, bright)
    action = bundle.act(dark, bright)
    assert action.dtype == np.float32
    assert np.abs(action).max() <= 1.0
    assert not np.allclose(action, bundle.act(bright, dark))
    picture = bundle.decode(dark)
    assert picture.dtype == np.uint8
    assert picture.shape == (SIZE, SIZE, 3)
    picture[:] = 0


def test_imagined_goals_follow_the_prior(content, manifest):
    bundle = bundles.loads(content, build=build)
    rng = np.random.default_rng(1)
    goals = np.stack([bundle.imagine(rng) for _ in range(2000)])
    np.testing.assert_allclose(goals.mean(axis=0), manifest.goal_prior_mean, atol=0.02)
    np.testing.assert_allclose(goals.std(axis=0), manifest.goal_prior_std, atol=0.02)


def test_imagined_goals_are_visited_latents_where_the_model_keeps_them(manifest, modules):
    visited = torch.arange(3.0 * LATENT_DIM).reshape(3, LATENT_DIM)
    modules['goals'] = torch.nn.Module()
    modules['goals'].register_buffer('latents', visited)
    bundle = bundles.loads(bundles.to_bytes(manifest, modules), build=build)
    rng = np.random.default_rng(1)
    goals = {tuple(bundle.imagine(rng).tolist()) for _ in range(60)}
    assert goals == {tuple(row) for row in visited.tolist()}
    modules['goals'].latents = torch.zeros(3, LATENT_DIM + 1)
    with pytest.raises(ModelMismatch, match=r'goals\.latents: got shape \(3, 5\)'):
        bundles.loads(bundles.to_bytes(manifest, modules), build=build)


def test_inference_leaves_the_thread_count_of_the_process(content):
    bundle = bundles.loads(content, build=build)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        bundle.imagine(np.random.default_rng(0))
        bundle.encode(np.zeros((SIZE, SIZE, 3), np.uint8))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_truncated_at_any_place_is_refused(content):
    header_end = 8 + int.from_bytes(content[:8], 'little')
    for size in (0, 1, 8, 9, 100, header_end - 1, header_end, len(content) - 1):
        with pytest.raises(DataError, match=r'truncated|not a safetensors'):
            bundles.loads(content[:size], build=build)


def test_trailing_bytes_are_refused(content):
    with pytest.raises(DataError, match='longer than its header'):
        bundles.loads(content + b'\0', build=build)


@pytest.mark.parametrize('other', [b'\x80\x04pickle' * 20, b'PK\x03\x04' * 40, b'# YAML\n' * 20])
def test_files_of_other_kinds_are_refused(other):
    with pytest.raises(DataError, match='not a safetensors file'):
        bundles.loads(other, build=build)


def test_safetensors_without_manifest_is_refused():
    from safetensors.torch import save
    with pytest.raises(DataError, match=r'without .* in its metadata'):
        bundles.loads(save({'x': torch.zeros(2)}), build=build)


@pytest.mark.parametrize('version', [0, 2, None, '1'])
def test_other_format_versions_are_refused_by_number(content, version):
    with pytest.raises(ModelMismatch, match=r'format version.*allowed: 1'):
        bundles.loads(with_metadata(content, {'format_version': version}), build=build)


def test_other_task_is_refused_by_name(content):
    with pytest.raises(ModelMismatch, match="'reach_xy', allowed: 'push'"):
        bundles.loads(content, 'push', build=build)


def test_changed_encoder_weights_are_refused(content, manifest, modules):
    with pytest.raises(ModelMismatch, match='hash'):
        bundles.loads(with_metadata(content, {'encoder_id': '0' * 16}), build=build)
    with torch.no_grad():
        modules['vae'].encoder.weight += 1
    with pytest.raises(DataError, match='encoder_id'):
        bundles.to_bytes(manifest, modules)


def test_nan_weights_are_neither_written_nor_read(content, manifest, modules):
    with torch.no_grad():
        modules['policy'].layer.weight[0, 0] = float('nan')
    with pytest.raises(DataError, match=r'NaN.*policy\.layer\.weight'):
        bundles.to_bytes(manifest, modules)
    spoilt = content[:-4] + np.float32(np.inf).tobytes()
    with pytest.raises(DataError, match='NaN or infinite'):
        bundles.loads(spoilt, build=build)


def test_missing_unknown_and_misshapen_tensors_are_named(manifest, modules):
    modules['policy'].layer.bias = None
    with pytest.raises(ModelMismatch, match=r'missing policy\.layer\.bias'):
        bundles.loads(bundles.to_bytes(manifest, modules), build=build)
    modules['policy'] = TinyPolicy(LATENT_DIM, 3)
    with pytest.raises(ModelMismatch, match=r'policy\.layer\.weight \(3, 8\)'):
        bundles.loads(bundles.to_bytes(manifest, modules), build=build)


def test_policy_of_other_action_dim_is_refused(manifest, modules):
    modules['policy'] = TinyPolicy(LATENT_DIM, 3)
    manifest.architecture['policy']['action_dim'] = 3
    with pytest.raises(ModelMismatch, match=r'action .*shape \(2,\)'):
        bundles.loads(bundles.to_bytes(manifest, modules), build=build)


def test_a_gripper_is_one_more_component(manifest, modules):
    """A model of pickup could be trained, but not read back."""
    modules['policy'] = TinyPolicy(LATENT_DIM, 3)
    manifest.architecture['policy']['action_dim'] = 3
    names = tasks.load('pickup').action_names
    content = bundles.to_bytes(replace(manifest, action_axes=names), modules)
    assert bundles.loads(content, build=build).manifest.action_axes == ('x', 'z', 'grip')


def test_unbuildable_architecture_is_refused(content):
    with pytest.raises(ModelMismatch, match='architecture'):
        bundles.loads(with_metadata(content, {'architecture': {'vae': {'depth': 9}}}), build=build)


@pytest.mark.parametrize('change', [
    {'colour': 'red'}, {'latent_dim': 'four'}, {'goal_prior_std': [0.1]}, {'image_size': 7},
    {'smoothing': 1.0}, {'smoothing': -0.1},
    {'arrival': -0.1}, {'arrival': 1.0, 'action_axes': ['x', 'grip']}])
def test_manifest_with_wrong_keys_or_values_is_refused(content, change):
    with pytest.raises(DataError, match=next(iter(change))):
        bundles.loads(with_metadata(content, change), build=build)


def test_a_bundle_smooths_its_actions_and_begins_anew(content):
    latent, goal = np.ones((2, LATENT_DIM), np.float32)
    wanted = bundles.loads(content, build=build).act(latent, goal)
    bundle = bundles.loads(with_metadata(content, {'smoothing': 0.5}), build=build)
    # Loading tries everything once; that is no action before.
    np.testing.assert_allclose(bundle.act(latent, goal), wanted / 2)
    np.testing.assert_allclose(bundle.act(latent, goal), wanted * 3 / 4)
    bundle.begin()
    np.testing.assert_allclose(bundle.act(latent, goal), wanted / 2)


def test_a_bundle_stands_still_where_its_goal_is_near(content):
    latent, goal = np.ones(LATENT_DIM, np.float32), np.zeros(LATENT_DIM, np.float32)
    bundle = bundles.loads(with_metadata(content, {'arrival': 0.5}), build=build)
    assert bundle.act(latent, goal).any()
    assert not bundle.act(latent * 0.1, goal).any()


def test_manifest_that_is_not_an_object_is_refused():
    for text in ('[1]', '{', '3'):
        with pytest.raises(DataError, match='manifest'):
            from_json(text)


def test_over_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / 'huge.safetensors'
    path.touch()
    os.truncate(path, bundle_file.MAX_BYTES + 1)
    with pytest.raises(DataError, match='at most'):
        bundles.load(path, build=build)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r'none\.safetensors: cannot be read'):
        bundles.load(tmp_path / 'none.safetensors')


def test_failed_write_keeps_the_old_file_and_leaves_no_part(tmp_path, content, monkeypatch):
    path = tmp_path / 'model.safetensors'
    bundle_file.write_atomically(path, content)

    def no_space(_: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', no_space)
    with pytest.raises(OSError, match='No space'):
        bundle_file.write_atomically(path, b'new')
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_wrong_pictures_and_latents_are_refused(content):
    bundle = bundles.loads(content, build=build)
    for image in (np.zeros((SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE, 3), np.float32),
                  np.zeros((84, 84, 3), np.uint8)):
        with pytest.raises(DataError, match='picture: got'):
            bundle.encode(image)
    good = np.zeros(LATENT_DIM, np.float32)
    for bad in (np.zeros(3, np.float32), np.full(LATENT_DIM, np.nan, np.float32)):
        with pytest.raises(DataError, match='goal: got'):
            bundle.act(good, bad)


def test_module_names_required(manifest, modules):
    del modules['policy']
    with pytest.raises(DataError, match='modules'):
        bundles.to_bytes(manifest, modules)


def test_paths_may_be_text(tmp_path, content):
    path = tmp_path / 'm.safetensors'
    bundle_file.write_atomically(path, content)
    assert bundles.load(Path(str(path)), build=build).manifest.task == 'reach_xy'


@pytest.mark.parametrize('kind', ['paper', 'patch'])
@pytest.mark.parametrize('image_size', [48, 84])
def test_the_real_networks_come_back(kind, image_size):
    from rig_ros.learning.config import VAEConfig
    task = replace(tasks.load('reach'), image_size=image_size)
    architecture = bundles.architecture(image_size, VAEConfig(networks=kind), 2, (32, 32))
    modules = bundles.build_networks(architecture)
    dim = architecture['policy']['latent_dim']
    manifest = Manifest.for_task(
        task, encoder_id=modules['vae'].encoder_id, latent_dim=dim, architecture=architecture,
        goal_prior_mean=(0.0,) * dim, goal_prior_std=(1.0,) * dim)
    bundle = bundles.loads(bundles.to_bytes(manifest, modules), 'reach_xy')
    image = np.random.default_rng(0).integers(0, 255, (image_size, image_size, 3), np.uint8)
    mean, _ = bundle.encode(image)
    expected = modules['vae'].encode(torch.from_numpy(image)[None])[0][0]
    np.testing.assert_allclose(mean, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
