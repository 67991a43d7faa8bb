"""Schedule, exact resume, determinism, and the loop."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
import toy_objects
from toy_training import MovingSquare, small_config

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError, DataError, ModelMismatch
from rig_ros.learning import bundle as bundles
from rig_ros.learning.config import ObjectsConfig, RewardConfig, SkewConfig, TD3Config, VAEConfig
from rig_ros.learning.practice import Evaluation, run_episode, train_in_environment
from rig_ros.learning.practice_config import ExploreConfig
from rig_ros.learning.state import TrainingState
from rig_ros.learning.trainer import Learner


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def trained(steps=60, seed=0, **changes):
    learner = Learner(small_config(**changes), 2, seed)
    train_in_environment(MovingSquare(), learner, steps, horizon=10)
    return learner


def same_pictures(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(np.concatenate(list(a[name].parts())),
                       np.concatenate(list(b[name].parts()))) for name in a)


def same_tensors(a, b):
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_nothing_is_trained_before_the_random_steps_are_there():
    learner = trained(10)
    assert not learner.ready
    assert learner.metrics == {}


def test_schedule_of_the_vae_and_of_the_updates():
    learner = trained(60)
    # First VAE at 20 steps (4 minibatches), refreshed at 40 and 60 (2 each).
    assert learner.vae_steps == 4 + 2 + 2
    # 4 first updates, then a half for each of the 40 further steps.
    assert learner.agent.updates == 4 + 20


def test_a_refresh_of_the_vae_brings_updates_of_its_own():
    td3 = dataclasses.replace(small_config().td3, refresh_updates=7)
    # The first training brings first_updates; the refreshes at 40 and 60 bring these.
    assert trained(60, td3=td3).agent.updates == 4 + 20 + 2 * 7


def test_the_averaged_policy_begins_anew_with_every_training_of_the_vae():
    # Half of an average over 6,000 updates still meant the latents before, which are no more.
    agent = trained(60).agent
    assert agent.averaged_since == 4 + 15  # at 60 steps, before the updates of the last ten
    assert agent.updates == 4 + 20


def test_refreshes_of_the_vae_end_where_the_recipe_says():
    config = small_config()
    learner = trained(60, vae=dataclasses.replace(config.vae, refresh_until=50))
    assert learner.last_vae_at == 40
    assert learner.vae_steps == 4 + 2


def test_imagined_goals_follow_the_pictures_between_the_vaes_trainings():
    learner = trained(35, goals='visited', goals_every=10)
    assert learner.last_vae_at == 20
    assert learner.last_goals_at == 30
    assert len(learner.modules['goals'].state_dict()['latents']) == 33


def test_replay_holds_the_current_encoders_latents_after_a_refresh():
    learner = trained(60)
    images = learner.replay.pictures(torch.arange(learner.replay.frames))
    torch.testing.assert_close(learner.replay.all_latents(), learner.vae.encode(images)[0],
                               rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(learner.goals.mean, learner.replay.all_latents().mean(0))


def test_episodes_carry_the_imagined_goal_they_practised():
    learner = trained(60)
    assert [e.goal for e in learner.replay.episodes] == [False, False, True, True, True, True]


def test_same_seed_same_weights_and_another_seed_others():
    states = [trained(40, seed).state().tensors for seed in (3, 3, 4)]
    assert same_tensors(states[0], states[1])
    assert not torch.equal(states[0]['vae.mean_head.weight'], states[2]['vae.mean_head.weight'])


def test_building_a_learner_leaves_the_global_random_state():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Learner(small_config(), 2, 0)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize('changes', [
    {'goals': 'fitted'}, {'goals': 'visited'},
    {'goals': 'visited', 'goals_every': 10,
     'skew': SkewConfig(density='likelihood', pictures=True)},
    {'goals': 'visited', 'skew': SkewConfig(density='neighbours'),
     'vae': VAEConfig(latent_dim=3, networks='keypoint', whiten=True, whiten_by='steps',
                      first_steps=2, refresh_every=20, refresh_steps=1, batch_size=4)},
    {'replay_storage': 'file', 'replay_frames': 100},
    {'vae': VAEConfig(latent_dim=3, networks='patch', first_steps=2, refresh_every=20,
                      refresh_steps=1, batch_size=4, motion=3.0)},
    {'goals': 'visited', 'goals_every': 20,
     'skew': SkewConfig(density='neighbours', transitions=True),
     'td3': TD3Config(hidden=(8,), batch_size=8, average_updates=10)},
])
def test_restored_learner_goes_on_to_the_bit(tmp_path, changes):
    first = trained(40, **changes)
    first.state().save(tmp_path / 'state.safetensors')
    second = Learner(small_config(**changes), 2, seed=99)
    second.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    for learner in (first, second):
        train_in_environment(MovingSquare(), learner, 80, horizon=10)
    assert first.metrics == second.metrics  # the losses, exactly
    assert same_tensors(first.state().tensors, second.state().tensors)
    assert same_pictures(first.state().pictures, second.state().pictures)
    assert first.state().values | {'seed': 0} == second.state().values | {'seed': 0}


def test_the_next_hundred_losses_after_a_restore_are_the_same(tmp_path):
    first = trained(40)
    first.state().save(tmp_path / 'state.safetensors')
    second = Learner(small_config(), 2, seed=99)
    second.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    losses = []
    for learner in (first, second):
        losses.append([])
        for _ in range(100):
            learner.train_policy(1)
            losses[-1].append((learner.metrics['critic_loss'], learner.metrics['policy_loss']))
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 100


def test_where_pictures_lie_decides_nothing():
    states = [trained(replay_storage=storage).state() for storage in ('memory', 'file')]
    assert same_tensors(*(state.tensors for state in states))


def test_state_is_a_copy():
    learner = trained(40)
    state = learner.state()
    before = state.tensors['vae.mean_head.weight'].clone()
    learner.train_vae(2)
    assert torch.equal(state.tensors['vae.mean_head.weight'], before)


def test_state_file_is_not_a_pickle(tmp_path):
    trained(20).state().save(tmp_path / 'state.safetensors')
    content = (tmp_path / 'state.safetensors').read_bytes()
    json.loads(content[8:8 + int.from_bytes(content[:8], 'little')])


def test_raises_error_if_the_state_file_is_truncated(tmp_path):
    path = tmp_path / 'state.safetensors'
    trained(20).state().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match='whole training state'):
        TrainingState.load(path)


def test_raises_error_if_the_state_is_of_other_networks():
    other = Learner(small_config(td3=TD3Config(hidden=(8,))), 2, 0)
    with pytest.raises(ModelMismatch, match='does not fit'):
        other.restore(trained(20).state())


def test_raises_error_if_another_release_wrote_the_state():
    learner = trained()
    tensors, values, pictures = learner.state()
    older = {name: value for name, value in tensors.items()
             if not name.startswith('critics_optimiser')}
    older |= {f'critics_optimiser.{number}.exp_avg': torch.zeros(3) for number in range(9)}
    with pytest.raises(ModelMismatch, match='release'):
        trained().restore(TrainingState(older, values, pictures))
    del values['last_goals_at']
    with pytest.raises(ModelMismatch, match='last_goals_at'):
        trained().restore(TrainingState(tensors, values, pictures))


def test_recorded_episodes_train_as_practised_ones_do():
    learner, world = Learner(small_config(), 2, 0), MovingSquare()
    rng = np.random.default_rng(0)
    for _ in range(3):
        actions = rng.uniform(-1, 1, (10, 2)).astype(np.float32)
        images = np.stack([world.reset(), *[world.step(action) for action in actions]])
        learner.add_episode(images, actions)
        learner.train(10)
    assert learner.ready
    assert {'vae_loss', 'kl', 'active_dims', 'kl_0', 'critic_loss'} <= learner.metrics.keys()


def test_random_actions_are_bounded_and_exploring_ones_differ_from_the_policys():
    learner = trained(20)
    actions = np.stack([learner.random_action() for _ in range(100)])
    assert np.abs(actions).max() <= 1
    picture = MovingSquare().reset()
    latent, goal = learner.encode(picture), learner.imagine_goal(picture)
    assert np.array_equal(learner.act(latent, goal), learner.act(latent, goal))
    assert not np.array_equal(learner.act(latent, goal), learner.act(latent, goal, explore=True))


def test_records_and_progress():
    seen, measured = [], []

    def measure(learner):
        measured.append(learner.env_steps)
        return {'hand': 0.5}
    learner = Learner(small_config(), 2, 0)
    records = train_in_environment(MovingSquare(), learner, 45, horizon=10, progress=seen.append,
                                   evaluation=Evaluation(measure, 20), clock=lambda: 7.0)
    assert measured == [20, 40, 45]  # the last episode is cut to end where it was asked to
    assert [record.env_steps for record in records] == measured
    assert records[-1].metrics['hand'] == 0.5
    assert records[-1].wall_s == 0.0
    assert {p.phase for p in seen} == {'collect', 'vae', 'policy'}
    assert seen[-1].done == seen[-1].total == 45


def test_batch_norm_of_the_papers_network_is_still_while_encoding():
    learner = trained(40, image_size=48, vae=VAEConfig(latent_dim=2, first_steps=3, batch_size=8))
    assert not learner.vae.training


@pytest.mark.slow
def test_learns_to_move_a_square_to_where_a_picture_shows_it():
    config = small_config(
        vae=VAEConfig(latent_dim=4, networks='patch', batch_size=32, first_steps=500),
        td3=TD3Config(hidden=(64, 64), batch_size=128, discount=0.9, first_updates=1000,
                      updates_per_step=1.0),
        replay_frames=3000, goals='visited', explore=ExploreConfig(random_steps=500))
    learner, world = Learner(config, 2, 0), MovingSquare()
    train_in_environment(world, learner, 1500, horizon=25)
    rng, errors = np.random.default_rng(1), []
    for _ in range(20):
        target = rng.uniform(-1, 1, 2)
        world.position = target
        goal = learner.encode(world.render())
        image = world.reset()
        for _ in range(15):
            image = world.step(learner.act(learner.encode(image), goal))
        errors.append(np.linalg.norm(world.position - target))
    assert np.median(errors) < 0.25  # doing nothing gives 0.77


def test_a_bundle_keeps_what_its_learner_visited():
    learner = trained(40, goals='visited')
    kept = learner.modules['goals'].state_dict()['latents']
    # Fitted at 40 steps, on the 44 pictures of four episodes.
    assert torch.equal(kept, learner.replay.all_latents())


def test_goals_in_turn_begin_where_the_one_before_led():
    learner = trained(20)
    learner.config = dataclasses.replace(learner.config, explore=dataclasses.replace(
        learner.config.explore, goals_in_turn=2))
    world, lengths, resets = MovingSquare(), [], []
    add, reset = learner.add_episode, world.reset
    learner.add_episode = lambda images, actions, goal: (lengths.append(len(actions)),
                                                         add(images, actions, goal))
    world.reset = lambda: resets.append(learner.env_steps) or reset()
    train_in_environment(world, learner, 20 + 40, horizon=20)
    assert lengths == [10] * 4
    assert resets == [20, 40]


OBJECTS = {'encoder': 'objects', 'objects': ObjectsConfig(count=2, colours=6),
           'reward': RewardConfig('objects'), 'goals': 'visited', 'vae': VAEConfig()}


class Squares:
    """The toy world of coloured squares: an arm, and red that it pushes where it meets it."""

    def reset(self):
        self.arm, self.red = np.array([14.0, 14.0]), np.array([30.0, 30.0])
        return self.render()

    def render(self):
        return toy_objects.draw(self.arm, self.red)

    def step(self, action):
        way = 4 * np.asarray(action, float)
        self.arm = np.clip(self.arm + way, 8, 40)
        if np.abs(self.arm - self.red).max() < 8:
            self.red = np.clip(self.red + way, 8, 40)
        return self.render()


def test_a_learner_of_objects_finds_them_practises_and_leaves_a_bundle_that_acts():
    config = small_config(**OBJECTS, explore=ExploreConfig(random_steps=200), smoothing=0.5)
    learner = Learner(config, 2, 0)
    train_in_environment(Squares(), learner, 240, horizon=20)
    manifest = bundles.describe(learner, dataclasses.replace(tasks.load('reach'), image_size=48))
    bundle = bundles.loads(bundles.to_bytes(manifest, learner.modules))
    picture, goal = toy_objects.draw((20, 20), (30, 30)), toy_objects.draw((30, 14), (14, 36))
    latent, wanted = (bundle.encode(each)[0] for each in (picture, goal))
    np.testing.assert_allclose(latent, learner.encode(picture), atol=1e-6)
    for each in (bundle.begin, learner.start_episode):
        each()
    for _ in range(40):  # turns change and actions are smoothed on the way, in both alike
        np.testing.assert_allclose(bundle.act(latent, wanted), learner.act(latent, wanted),
                                   atol=1e-6)
    assert np.array_equal(bundle.decode(latent), learner.decode(latent))


def test_a_learner_of_objects_goes_on_to_the_bit(tmp_path):
    config = small_config(**OBJECTS, explore=ExploreConfig(random_steps=200, goals_in_turn=2))
    first, second = Learner(config, 2, 0), Learner(config, 2, 9)
    train_in_environment(Squares(), first, 240, horizon=20)
    first.state().save(tmp_path / 'state.safetensors')
    second.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    for learner in (first, second):
        train_in_environment(Squares(), learner, 280, horizon=20)
    assert same_tensors(first.state().tensors, second.state().tensors)


def test_raises_error_if_objects_shall_be_found_for_an_arm_that_does_not_move_in_a_plane():
    with pytest.raises(ConfigError, match='in a plane'):
        Learner(small_config(**OBJECTS), 3, 0)


def test_the_tail_of_a_practised_episode_is_random():
    learner = trained(20)
    learner.config = dataclasses.replace(
        learner.config, explore=dataclasses.replace(learner.config.explore, random_tail=0.3))
    asked = []
    learner.random_action = lambda: asked.append('random') or np.zeros(2, np.float32)
    act = learner.act
    learner.act = lambda *args, **kwargs: asked.append('policy') or act(*args, **kwargs)
    run_episode(MovingSquare(), learner, 10)
    assert asked == ['policy'] * 7 + ['random'] * 3
