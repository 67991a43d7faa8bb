"""Recipes: the shipped ones load, wrong ones are refused by name."""

from __future__ import annotations

import dataclasses

import pytest

from rig_ros import settings
from rig_ros.control import task
from rig_ros.errors import ConfigError
from rig_ros.learning import config


@pytest.mark.parametrize('name', config.names())
def test_shipped_recipes_load_and_name_a_task_that_exists(name):
    recipe = config.load(name)
    assert task.load(recipe.task).image_size >= recipe.image_size


def test_the_papers_recipe_has_the_published_values():
    paper = config.load('rig_paper')
    assert (paper.vae.networks, paper.vae.likelihood, paper.vae.min_variance) == (
        'paper', 'bernoulli', 1e-3)
    assert paper.td3.hidden == (400, 300)
    assert not paper.td3.layer_norm
    assert dataclasses.astuple(paper.relabel) == (0.2, 0.4, 0.4)


@pytest.mark.parametrize(('changes', 'what'), [
    ({'vae': config.VAEConfig(whiten=True)}, 'vae.whiten'),
    ({'vae': config.VAEConfig(refresh_every=10)}, 'vae.refresh_every'),
    ({'encoder': 'vae', 'reward': config.RewardConfig('objects')}, 'reward.kind'),
])
def test_raises_error_if_settings_do_not_go_with_objects(changes, what):
    with pytest.raises(ConfigError, match=what):
        config.TrainConfig(**{'task': 'push_multi', 'encoder': 'objects', **changes})


def test_raises_error_if_a_key_is_misspelt():
    with pytest.raises(ConfigError, match="did you mean 'latent_dim'"):
        settings.from_mapping(config.TrainConfig, {'task': 'reach', 'vae': {'latent_dims': 4}})


@pytest.mark.parametrize(('section', 'values'), [
    ('vae', {'latent_dim': 0}), ('vae', {'min_variance': 0.0}), ('vae', {'likelihood': 'l2'}),
    ('td3', {'discount': 1.0}), ('td3', {'hidden': []}), ('td3', {'critics': 0}),
    ('objects', {'count': 0}), ('objects', {'count': 3, 'colours': 3}),
    ('reward', {'arm_weight': -0.1}), ('explore', {'goals_in_turn': 0}),
    ('relabel', {'rollout': 0.5}), ('explore', {'theta': 0.0}), ('explore', {'random_steps': 0}),
])
def test_raises_error_if_a_value_is_out_of_range(section, values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        settings.from_mapping(config.TrainConfig, {'task': 'reach', section: values})


def test_raises_error_if_the_recipe_is_unknown():
    with pytest.raises(ConfigError, match='reach'):
        config.load('reachh')


def test_a_recipe_says_only_where_it_differs_from_its_base(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('base: reach\nenv_steps: 70\nvae: {beta: 3}\n')
    base = config.load('reach')
    assert config.load(path) == dataclasses.replace(
        base, env_steps=70, vae=dataclasses.replace(base.vae, beta=3.0))


def test_a_base_may_have_a_base_itself(tmp_path):
    # `door` is based on `push`: a variant of it was refused.
    (tmp_path / 'mine.yaml').write_text('base: door\nvae: {motion: 0}\n')
    (tmp_path / 'longer.yaml').write_text('base: mine.yaml\nenv_steps: 40000\n')
    door = config.load('door')
    assert config.load(tmp_path / 'longer.yaml') == dataclasses.replace(
        door, env_steps=40000, vae=dataclasses.replace(door.vae, motion=0))


@pytest.mark.parametrize(('base', 'says'), [
    ('nobody', 'nobody'), ('a.yaml', 'not itself based'), ('b.yaml', 'not itself based'),
    ('missing.yaml', 'missing'), ('7', 'name or path')])
def test_raises_error_if_a_base_is_unknown_or_based_on_the_recipe(tmp_path, base, says):
    (tmp_path / 'a.yaml').write_text(f'base: {base}\n')
    (tmp_path / 'b.yaml').write_text('base: a.yaml\n')
    with pytest.raises(ConfigError, match=says):
        config.load(tmp_path / 'a.yaml')


def test_push_comparisons_change_one_thing():
    ours, base = config.load('push'), config.load('push_minibatch_128')
    assert base == settings.change(ours, {
        'td3.batch_size': 128, 'td3.precision': 'fp32', 'td3.compile': False})
    assert config.load('push_long') == settings.change(ours, {'env_steps': 100000})
    push = dataclasses.asdict(base)
    for name, changed in (('push_reward_log_probability', {'reward'}),
                          ('push_reward_sparse', {'reward'}), ('push_relabel_none', {'relabel'}),
                          ('push_relabel_future', {'relabel'}),
                          ('push_relabel_prior', {'relabel'}), ('push_even_goals', {'skew'}),
                          ('push_plain_encoder', {'vae'}), ('push_autoencoder', {'vae'}),
                          ('push_state_oracle', {'encoder'}), ('push_offline_vae', {'vae'}),
                          ('push_latent_4', {'vae'}), ('push_latent_8', {'vae'}),
                          ('push_keypoint', {'vae'}), ('push_reward_distance', {'reward'}),
                          ('push_beta_low', {'vae'}), ('push_beta_high', {'vae'}),
                          ('push_pixel_distance', {'encoder', 'vae', 'reward'}),
                          ('push_her', {'goals', 'skew', 'relabel'})):
        own = dataclasses.asdict(config.load(name))
        assert {key for key in own if own[key] != push[key]} <= changed, name
        assert own != push


def test_the_door_with_resets_differs_by_them_and_the_cap():
    door, resets = (dataclasses.asdict(config.load(name)) for name in ('door', 'door_resets'))
    resets['reward']['cap'], resets['explore']['reset_free'] = 0.0, True
    assert resets == door


def test_all_pucks_in_practice_are_all_that_a_variant_changes():
    varied, three = (dataclasses.asdict(config.load(name))
                     for name in ('push_multi', 'push_multi_three'))
    assert varied['explore'].pop('every_object') is False
    assert three['explore'].pop('every_object') is True
    assert three == varied
