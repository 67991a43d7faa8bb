"""`rig_ros train` with imagined actions, as tried in 0028 and 0030.

A transition relabelled with an imagined goal shows an action that was meant for another one, and
what the critics say of the policy's own action there is a guess. Here most of these transitions
get the policy's action, with noise, and where a model of latents says that this leads: three
networks on latent and action, learnt from the replay, which need no goal (Dyna: Sutton 1990). The
model begins anew with each of the VAE's trainings. Not for several processes, nor for `--resume`.

usage: imagined_actions.py RECIPE [what `rig_ros train` takes]
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

from rig_ros.cli.main import main
from rig_ros.evaluation import training
from rig_ros.learning.progress import ProgressHook, ignore_progress
from rig_ros.learning.replay import Batch
from rig_ros.learning.trainer import Learner

SHARE = 0.7
"""Of the transitions with an imagined goal."""
SIGMA = 0.3
"""Standard deviation of the noise on the policy's actions, in actions of [-1, 1]."""
MEMBERS = 3
WIDTH = 256
MINIBATCH = 256
FIRST_MINIBATCHES = 2000
UPDATES_PER_MINIBATCH = 12
BULK = 1000
"""Updates at once from which on the model was fitted just before."""


class Dynamics(nn.Module):
    """Changes of latents (M, B, dim), in standard deviations, from latents and actions."""

    def __init__(self, latents: Tensor, changes: Tensor, actions: int) -> None:
        super().__init__()
        self.mean, self.std, self.scale = latents.mean(0), latents.std(0), changes.std(0)
        dim = latents.shape[1]
        sizes = [(dim + actions, WIDTH), (WIDTH, WIDTH), (WIDTH, dim)]
        self.weights = nn.ParameterList(
            torch.randn(MEMBERS, a, b) * a ** -0.5 * (0.1 if b == dim else 1) for a, b in sizes)
        self.biases = nn.ParameterList(torch.zeros(MEMBERS, 1, b) for _, b in sizes)

    def forward(self, latent: Tensor, action: Tensor) -> Tensor:
        """Take latents (M or 1, B, dim) and actions (M or 1, B, n)."""
        x = torch.cat(((latent - self.mean) / self.std, action), -1).expand(MEMBERS, -1, -1)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, nn.functional.silu(x) if number else x, weight)
        return x


class Imagining(Learner):
    """A learner whose imagined goals come with imagined actions."""

    dynamics: Dynamics

    def train_vae(self, steps: int, progress: ProgressHook = ignore_progress) -> None:
        """Train the VAE, then a new model on the new latents."""
        super().train_vae(steps, progress)
        self.model_generator = torch.Generator().manual_seed(self.seed + 7)
        before, after, actions = self._steps()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 7)
            self.dynamics = Dynamics(self.replay.all_latents(), after - before, actions.shape[1])
        self.model_optimiser = torch.optim.AdamW(self.dynamics.parameters(), 1e-3,
                                                 weight_decay=1e-4)
        self._fit(FIRST_MINIBATCHES)

    def _steps(self) -> tuple[Tensor, Tensor, Tensor]:
        replay, first = self.replay, self.replay._index.transitions
        return replay.latents[first], replay.latents[first + 1], replay.actions[first]

    def _fit(self, minibatches: int) -> None:
        before, after, actions = self._steps()
        for _ in range(minibatches):
            draw = torch.randint(len(before), (MEMBERS, MINIBATCH), generator=self.model_generator)
            change = (after[draw] - before[draw]) / self.dynamics.scale
            loss = (self.dynamics(before[draw], actions[draw]) - change).square().mean()
            self.model_optimiser.zero_grad()
            loss.backward()
            self.model_optimiser.step()

    def train_policy(self, updates: int, progress: ProgressHook = ignore_progress) -> None:
        """Learn what is new about latents, then update the agent."""
        if 0 < updates < BULK:
            self._fit(max(1, updates // UPDATES_PER_MINIBATCH))
        super().train_policy(updates, progress)

    def relabelled(self, count: int) -> tuple[Batch, Tensor]:
        """Draw transitions and goals, with imagined actions for some of the imagined goals."""
        batch, goal = super().relabelled(count)
        seen = (goal == batch.future).all(1) | (goal == batch.rollout_goal).all(1)
        draw = torch.rand(len(goal), generator=self.generator) < SHARE
        where = (~seen & draw).nonzero()[:, 0]
        action, after = batch.action.clone(), batch.next_latent.clone()
        action[where], after[where] = self._imagine(batch.latent[where], goal[where])
        return batch._replace(action=action, next_latent=after), goal

    @torch.no_grad()
    def _imagine(self, latent: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        noise = torch.randn(len(latent), self.action_dim, generator=self.generator)
        action = (self.agent.act(latent, goal, newest=True) + SIGMA * noise).clamp(-1, 1)
        changes = self.dynamics(latent[None], action[None]) * self.dynamics.scale
        member = torch.randint(MEMBERS, (len(latent),), generator=self.generator)
        return action, latent + changes[member, torch.arange(len(latent))]


if __name__ == '__main__':
    training.Learner = Imagining
    sys.argv.insert(1, 'train')
    main()
