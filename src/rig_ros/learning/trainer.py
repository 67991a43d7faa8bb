"""RIG itself: collect, learn a representation, imagine goals, practise, relabel, learn.

`Learner` holds everything that learns and does not know where episodes come from: `practice`
drives an environment, the off-board trainer feeds it recordings. Steps are environment steps; the
same sequence of calls with the same seed gives the same weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rig_ros.control.action import OrnsteinUhlenbeck
from rig_ros.errors import ModelMismatch
from rig_ros.learning.arithmetic import Device, device_of, start_threads, without_denormals
from rig_ros.learning.bundle import architecture
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.encoders import make_encoder
from rig_ros.learning.execution import Execution
from rig_ros.learning.goals import make_goal_setter, narrowing, relabel
from rig_ros.learning.objects import ObjectEncoder, moved_in
from rig_ros.learning.pictures import Observation
from rig_ros.learning.progress import Progress, ProgressHook, ignore_progress
from rig_ros.learning.replay import Batch, Replay
from rig_ros.learning.reward import Reward, make_reward
from rig_ros.learning.skew import all_weights, picture_weights, spaced
from rig_ros.learning.state import (
    TrainingState,
    generator_values,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    under,
)
from rig_ros.learning.td3 import TD3
from rig_ros.learning.team import ALONE, Team
from rig_ros.learning.vae import ConvVAE, active_dims
from rig_ros.learning.vae_training import VAETraining

Float32Array = NDArray[np.float32]
REPORT_EVERY = 20
WHITEN_SAMPLE = 8192


class Learner:
    """Everything that learns; see the module."""

    def __init__(self, config: TrainConfig, action_dim: int, seed: int,
                 reward: Reward | None = None, folder: Path | None = None,
                 state_dim: int = 0, device: Device = 'cpu', team: Team = ALONE) -> None:
        """Build untrained networks and an empty replay.

        Args:
            config: the recipe.
            action_dim: number of action components.
            seed: decides weights, noise and every draw.
            reward: instead of the recipe's.
            folder: on the disk for pictures that are too many for memory.
            state_dim: size of the state vectors that take the place of pictures, if the recipe is
                one that is given true positions.
            device: of the networks; episodes, goals and every draw stay with the processor, so
                that a seed means the same everywhere.
            team: processes that learn together with this one.

        Raises:
            ConfigError: it is, and there are none; or there is no such device.
        """
        start_threads()
        self.config, self.team = config, team
        self.action_dim, self.seed = action_dim, seed
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.device = device_of(device)
            self.vae = make_encoder(config, action_dim, state_dim, self.device)
            latent_dim = self.vae.latent_dim
            objects = config.objects_in_latents
            self.agent = TD3(latent_dim, action_dim, config.td3, self.device, team,
                             objects.count if objects else 0)
            self.vae_training = VAETraining(self.vae, action_dim, team)
        self.goals = make_goal_setter(config.goals, latent_dim)
        self._narrow = narrowing(config, self.generator)
        turns = config.objects.count if self._narrow else 0
        self.execution = Execution(config.smoothing, turns, config.arrival)
        self.reward: Reward = reward or make_reward(config.reward)
        self.replay = Replay(config.replay_frames, self.vae.input_shape, action_dim, latent_dim,
                             config.replay_storage, folder)
        explore = config.explore
        self.noise, self.random_noise = (
            OrnsteinUhlenbeck(action_dim, explore.theta, sigma, self.rng)
            for sigma in (explore.sigma, explore.random_sigma))
        self.env_steps = self.vae_steps = self.last_vae_at = self.last_goals_at = 0
        self._owed_updates = 0.0
        self.metrics: dict[str, float] = {}

    # Acting ------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether a VAE was trained, so that goals can be imagined and practised."""
        return self.vae_steps > 0

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a bundle keeps: `vae`, `policy`, where goals come from, and what to go on from."""
        return {'vae': self.vae, 'policy': self.agent.acting_policy, 'goals': self.goals,
                'critics': self.agent.critics, 'target_critics': self.agent.target_critics}

    @property
    def architecture(self) -> dict[str, Any]:
        """What rebuilds `vae` and `policy`, for a bundle's manifest."""
        return architecture(self.config.image_size, self.config.vae, self.action_dim,
                            self.config.td3.hidden, self.config.objects_in_latents)

    @property
    def goal_prior(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of imagined goals, for a bundle's manifest."""
        return tuple(self.goals.mean.tolist()), tuple(self.goals.std.tolist())

    def encode(self, observation: Observation) -> Float32Array:
        """Return the latent mean (dim,) of a picture."""
        latent: Float32Array = self.vae.encode(torch.from_numpy(observation[None]))[0][0].numpy()
        return latent

    def decode(self, latent: Float32Array) -> Observation:
        """Return the picture of a latent (dim,)."""
        observation: Observation = self.vae.decode(torch.from_numpy(latent[None]))[0].numpy()
        return observation

    def imagine_goal(self, observation: Observation) -> Float32Array:
        """Draw a goal latent (dim,) to practise from where things are as in a picture."""
        goal = self.goals.sample(1, self.generator)
        if self._narrow is not None:
            goal = self._narrow(torch.from_numpy(self.encode(observation)[None]), goal)
        drawn: Float32Array = goal[0].numpy()
        return drawn

    def start_episode(self) -> None:
        """Start the exploration noise anew, and what actions depend on beside latent and goal."""
        self.noise.reset()
        self.random_noise.reset()
        self.execution.begin()

    def random_action(self) -> Float32Array:
        """Return the next smooth random action (n,)."""
        return np.clip(self.random_noise.sample(), -1, 1)

    def act(self, latent: Float32Array, goal: Float32Array, *,
            explore: bool = False) -> Float32Array:
        """Return the action (n,) in [-1, 1] for a latent and a goal, with noise to explore."""
        if not explore:
            return self.execution.act(self._policy, latent, goal)
        noisy: Float32Array = self._policy(latent, goal, newest=True) + self.noise.sample()
        return noisy.clip(-1, 1)

    def _policy(self, latent: Float32Array, goal: Float32Array, *,
                newest: bool = False) -> Float32Array:
        action: Float32Array = self.agent.act(
            torch.from_numpy(latent[None]), torch.from_numpy(goal[None]), newest=newest)[0].numpy()
        return action

    # Learning ----------------------------------------------------------------------------------

    def add_episode(self, observations: Observation, actions: Float32Array,
                    goal: Observation | None = None) -> None:
        """Take in an episode of T steps; shapes and errors as `Replay.add_episode`."""
        where = self.replay.add_episode(observations, actions, goal)
        self._tell_episode('add_episode', observations, actions, goal)
        if self.ready:
            self.replay.encode(self.vae.encode, where)
        self.env_steps += len(actions)

    def keep_episode(self, observations: Observation, actions: Float32Array,
                     goal: Observation | None = None) -> None:
        """Put an episode back that was learnt from before, without counting its steps again."""
        self.replay.add_episode(observations, actions, goal)
        self._tell_episode('keep_episode', observations, actions, goal)

    def _tell_episode(self, what: str, observations: Observation, actions: Float32Array,
                      goal: Observation | None) -> None:
        if self.team.size > 1:
            tensors = {'observations': torch.tensor(observations),
                       'actions': torch.tensor(actions)}
            self.team.tell(what, {}, tensors if goal is None else
                           {**tensors, 'goal': torch.tensor(goal)})

    def train(self, new_steps: int, progress: ProgressHook = ignore_progress) -> dict[str, float]:
        """Do the training that `new_steps` more environment steps call for.

        Nothing before `random_steps` are there; then the first VAE and the policy's first
        updates; from then on updates in proportion and, on schedule, the VAE's refresh.

        Returns:
            The newest losses and figures, also kept in `metrics`.
        """
        if self.team.size > 1:
            self.team.tell('train', {'new_steps': new_steps},
                           {'generator': self.generator.get_state()})
        config = self.config
        if not self.ready:
            if self.env_steps < config.explore.random_steps:
                return self.metrics
            self.train_vae(config.vae.first_steps, progress)
            self._owed_updates += config.td3.first_updates
        else:
            if config.vae.refresh_due(self.env_steps, self.last_vae_at):
                self.train_vae(config.vae.refresh_steps, progress)
                self._owed_updates += config.td3.refresh_updates
            if config.goals_every and self.env_steps - self.last_goals_at >= config.goals_every:
                self.fit_goals()
            self._owed_updates += new_steps * config.td3.updates_per_step
        updates = int(self._owed_updates)
        self._owed_updates -= updates
        self.train_policy(updates, progress)
        return self.metrics

    @without_denormals()
    def train_vae(self, steps: int, progress: ProgressHook = ignore_progress) -> None:
        """Train the VAE on the replay's pictures, then remake latents and the goal prior.

        Pictures themselves and true positions need no training; they are whitened as latents are.
        """
        config = self.config.vae
        if isinstance(self.vae, ConvVAE):
            self._fit_pictures(self.vae, steps, progress)
            self.team.same(self.vae.buffers())
        elif isinstance(self.vae, ObjectEncoder):
            self.vae.find(moved_in(self.replay, config.motion_steps, self.generator),
                          self.generator)
        self.vae_steps += steps
        self.last_vae_at = self.env_steps
        self.agent.restart_average()
        self.replay.encode(self.vae.encode)
        if config.whiten:
            sample = self.replay.sample(WHITEN_SAMPLE, self.generator)
            self.vae.whiten(sample.latent, sample.next_latent)
            self.team.same(self.vae.buffers())
            self.replay.encode(self.vae.encode)
        self.fit_goals()

    def _fit_pictures(self, vae: ConvVAE, steps: int, progress: ProgressHook) -> None:
        draw = self.picture_sampler()
        vae.train()
        for step in range(1, steps + 1):
            losses, kl_per_dim = self.improve_vae(draw)
            if step % REPORT_EVERY == 0 or step == steps:
                self.metrics |= {name: loss.item() for name, loss in losses.items()}
                self.metrics['active_dims'] = float(active_dims(kl_per_dim))
                progress(Progress('vae', step, steps, self.env_steps, dict(self.metrics)))
        self.metrics |= {f'kl_{i}': kl for i, kl in enumerate(kl_per_dim.tolist())}
        vae.eval()

    def improve_vae(self, draw: Callable[[int], Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Train the VAE on one minibatch of places that `draw` gives; see `VAETraining`."""
        config, share, motion = self.config.vae, self.team.share, None
        if config.motion:
            before = draw(config.batch_size // 2)
            later, motion = self.replay.followed(before, config.motion_steps, self.generator)
            motion, places = share(motion), torch.cat((share(before), share(later)))
        else:
            places = share(draw(config.batch_size))
        return self.vae_training.minibatch(self.replay.pictures(places), self.generator, motion)

    def fit_goals(self) -> None:
        """Fit imagined goals to the pictures seen, weighted as the recipe says."""
        chosen = spaced(self.replay.frames)
        weights = picture_weights(self.config.skew, self.vae, self.replay, chosen, self.generator)
        self.goals.fit(self.replay.all_latents()[chosen], weights)
        if self.config.skew.transitions:
            self.replay.weigh(all_weights(self.config.skew, self.replay))
        self.last_goals_at = self.env_steps

    def picture_sampler(self) -> Callable[[int], Tensor]:
        """Return what draws places of the VAE's pictures: evenly, or by the skewed weights."""
        replay, skew, generator = self.replay, self.config.skew, self.generator
        if not (skew.pictures and self.ready):
            return lambda count: torch.randint(replay.frames, (count,), generator=generator)
        chosen = spaced(replay.frames)
        weights = picture_weights(skew, self.vae, replay, chosen, generator)
        return lambda count: chosen[torch.multinomial(weights, count, replacement=True,
                                                      generator=generator)]

    def train_policy(self, updates: int, progress: ProgressHook = ignore_progress) -> None:
        """Update the agent on relabelled transitions."""
        size = self.config.td3.batch_size
        for first in range(0, updates, REPORT_EVERY):
            count = min(REPORT_EVERY, updates - first)
            # Drawn and relabelled for all minibatches at once: many small steps cost more.
            batch, goal = self.relabelled(count * size)
            reward = self.reward(batch.next_latent, goal)
            latent, action, reward, next_latent, goal = (
                self.team.share(part.reshape(count, size, *part.shape[1:]), 1)
                for part in (batch.latent, batch.action, reward, batch.next_latent, goal))
            losses = self.agent.update(latent, action, reward, next_latent, goal, self.generator)
            self.metrics |= {name: loss.item() for name, loss in losses.items()}
            progress(Progress('policy', first + count, updates, self.env_steps,
                              dict(self.metrics)))

    def relabelled(self, count: int) -> tuple[Batch, Tensor]:
        """Draw so many transitions of the replay, and a goal (count, dim) for each."""
        batch = self.replay.sample(count, self.generator, weighted=self.config.skew.transitions)
        return batch, relabel(batch, self.config.relabel, self.goals, self.generator,
                              self._narrow)

    # Stopping and going on ---------------------------------------------------------------------

    def state(self) -> TrainingState:
        """Return everything there is to save; pictures last until the next episode comes."""
        tensors, values, _ = self.state_without_replay()
        pictures = {f'replay.{name}': stack for name, stack in self.replay.stacks().items()}
        return TrainingState(tensors | prefixed('replay', self.replay.state()), values, pictures)

    def state_without_replay(self) -> TrainingState:
        """Return what to save where the episodes are kept elsewhere, as recordings are."""
        motion = self.vae_training.motion
        tensors = {
            **prefixed('vae', self.vae.state_dict()), **prefixed('agent', self.agent.state_dict()),
            **prefixed('goals', self.goals.state_dict()), 'generator': self.generator.get_state(),
            **prefixed('motion', motion.state_dict() if motion else {}),
        }
        for name, optimiser in self._optimisers().items():
            tensors |= prefixed(name, optimiser_tensors(optimiser))
        return TrainingState(tensors, {
            'config': dataclasses.asdict(self.config), 'seed': self.seed,
            'env_steps': self.env_steps, 'vae_steps': self.vae_steps,
            'last_vae_at': self.last_vae_at, 'last_goals_at': self.last_goals_at,
            'owed_updates': self._owed_updates, 'agent_updates': self.agent.updates,
            'averaged_since': self.agent.averaged_since,
            'rng': generator_values(self.rng), 'metrics': self.metrics,
        })

    def restore(self, state: TrainingState) -> None:
        """Become exactly the learner that gave `state`; without a replay in it, keep the present.

        Raises:
            ModelMismatch: it is of another recipe or release; the learner is of no use then.
        """
        try:
            self._restore(state)
        except (RuntimeError, IndexError, KeyError) as error:
            raise ModelMismatch(f'training state: does not fit this recipe ({error}); resume '
                                'with the configuration and the rig_ros release it was started '
                                'with') from error

    def _restore(self, state: TrainingState) -> None:
        tensors, values, pictures = state
        self.vae.load_state_dict(under('vae', tensors))
        if self.vae_training.motion is not None:
            self.vae_training.motion.load_state_dict(under('motion', tensors))
        self.agent.load_state_dict(under('agent', tensors))
        for name, optimiser in self._optimisers().items():
            restore_optimiser(optimiser, under(name, tensors))
        if replay := under('replay', tensors):
            self.replay.restore(replay, under('replay', pictures))
        self.goals.restore(under('goals', tensors))
        self.generator.set_state(tensors['generator'])
        self.rng.bit_generator.state = values['rng']
        self.env_steps, self.vae_steps = values['env_steps'], values['vae_steps']
        self.last_vae_at, self.last_goals_at = values['last_vae_at'], values['last_goals_at']
        self._owed_updates = values['owed_updates']
        self.agent.updates, self.metrics = values['agent_updates'], dict(values['metrics'])
        self.agent.averaged_since = values['averaged_since']

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {'vae_optimiser': self.vae_training.optimiser,
                'policy_optimiser': self.agent.policy_optimiser,
                'critics_optimiser': self.agent.critics_optimiser}
