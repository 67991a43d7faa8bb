"""The agent: goal-conditioned TD3 on latents (Fujimoto et al. 2018), as the paper uses it.

Observation and goal are latent means. Episodes never end early, so every target bootstraps.
U is a number of minibatches and B their size.
"""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor, nn

from rig_ros.learning.arithmetic import (
    FlatAdam,
    auto_compiles,
    compiled,
    flatten,
    matmul_precision,
    without_denormals,
)
from rig_ros.learning.compiler import missing_to_compile
from rig_ros.learning.config import TD3Config
from rig_ros.learning.cuda_graph import CudaGraph
from rig_ros.learning.networks import Critics, Policy
from rig_ros.learning.team import ALONE, Team


class Agent(Protocol):
    """What learns to act from latents, goals and rewards."""

    def act(self, latent: Tensor, goal: Tensor, *, newest: bool = False) -> Tensor:
        """Return deterministic actions (B, n) for latents and goals (B, dim).

        `newest` asks for the policy as it is now, if another one acts when nothing is explored.
        """
        ...

    def update(self, latent: Tensor, action: Tensor, reward: Tensor, next_latent: Tensor,
               goal: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from U minibatches of B transitions, one after another, and return losses."""
        ...


class TD3(nn.Module):
    """See the module."""

    def __init__(self, latent_dim: int, action_dim: int, config: TD3Config,
                 device: torch.device | None = None, team: Team = ALONE,
                 objects: int = 0) -> None:
        """Build networks on a device, the processor if not given, that learn with a team's.

        They see latents as vectors, or as so many `objects` (`deep_set`).
        """
        super().__init__()
        self._team = team
        self.config = config
        self.device = device or torch.device('cpu')
        self.policy = Policy(latent_dim, action_dim, config.hidden, objects).to(self.device)
        self.critics = Critics(config.critics, latent_dim, action_dim, config.hidden,
                               layer_norm=config.layer_norm, objects=objects).to(self.device)
        self.target_policy = copy.deepcopy(self.policy).requires_grad_(False)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        online = [flatten(self.policy), flatten(self.critics)]
        targets = [flatten(self.target_policy), flatten(self.target_critics)]
        # Kept in a tuple, so that they are no parameters of this module beside the ones they hold.
        self._flat = tuple((a.detach(), b.detach()) for a, b in zip(online, targets))
        self.average_policy = (copy.deepcopy(self.policy).requires_grad_(False)
                               if config.average_updates else None)
        self._average = flatten(self.average_policy).detach() if self.average_policy else None
        self.policy_optimiser, self.critics_optimiser = (
            FlatAdam(flat, config.learning_rate) for flat in online)
        self.updates = self.averaged_since = 0
        compiles = (auto_compiles(self.device, team.size) and not missing_to_compile()
                    if config.compile == 'auto' else config.compile)
        cycle = compiled(self._learn, self.device) if compiles else self._learn
        # What a team's processes send each other is left out of recordings.
        self._cycle = (CudaGraph(cycle) if self.device.type == 'cuda' and team.size == 1
                       else cycle)

    @property
    def acting_policy(self) -> Policy:
        """The policy that acts without noise: the average, or the newest."""
        return self.average_policy or self.policy

    @torch.no_grad()
    def act(self, latent: Tensor, goal: Tensor, *, newest: bool = False) -> Tensor:
        """Return actions (B, n) in [-1, 1], of the newest policy if told so."""
        policy = self.policy if newest else self.acting_policy
        actions: Tensor = policy(latent.to(self.device), goal.to(self.device))
        return actions.to(latent.device)

    @without_denormals()
    @torch.no_grad()
    def update(self, latent: Tensor, action: Tensor, reward: Tensor, next_latent: Tensor,
               goal: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the critics U times, and every `policy_delay` times policy and targets.

        Args:
            latent: (U, B, dim); B is this process's share of a minibatch.
            action: (U, B, n).
            reward: (U, B).
            next_latent: (U, B, dim).
            goal: (U, B, dim).
            generator: source of the target noise.

        Returns:
            `critic_loss`, `value` and, when the policy moved, `policy_loss`: scalars, each of the
            last minibatch that has it.
        """
        delay, policy_values = self.config.policy_delay, None
        latent, action, reward, next_latent, goal = (
            part.to(self.device) for part in (latent, action, reward, next_latent, goal))
        state, next_state = torch.cat((latent, goal), -1), torch.cat((next_latent, goal), -1)
        state_action = torch.cat((state, action), -1)
        many, size, *rest = action.shape
        noise = self.config.target_noise * self._team.share(torch.randn(
            (many, self._team.size * size, *rest), generator=generator), 1).to(self.device)
        noise.clamp_(-self.config.target_noise_clip, self.config.target_noise_clip)
        done = 0
        with matmul_precision(self.config.precision):
            while done < len(state):  # the targets stand still for up to `delay` minibatches
                until = min(len(state), done + delay - self.updates % delay)
                some = slice(done, until)
                whole = until - done == delay  # what is compiled or recorded has one shape
                moves = (self.updates + until - done) % delay == 0
                given = state_action[some], reward[some], next_state[some], noise[some]
                values, target, ascended = (
                    self._cycle(*given, state[until - 1]) if whole else
                    self._learn(*given, state[until - 1] if moves else None))
                self.updates += until - done
                if ascended is not None:
                    policy_values = ascended
                    self._move_average()
                done = until
        metrics = {'critic_loss': (values - target).square().mean(1).sum(),
                   'value': values.mean()}
        return metrics if policy_values is None else {**metrics,
                                                      'policy_loss': -policy_values.mean()}

    def _learn(self, state_action: Tensor, reward: Tensor, next_state: Tensor, noise: Tensor,
               state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Improve the critics; given states (B, d) for it, the policy and the targets as well.

        The targets stand still over these minibatches.

        Returns:
            The last minibatch's values (M, B) and targets (B,), and the policy's values (1, B, 1).
        """
        targets = self._target(reward, next_state, noise)
        for number in range(len(targets)):
            values = self._improve_critics(state_action[number], targets[number])
        if state is None:
            return values, targets[-1], None
        ascended = self._improve_policy(state)
        for online, target in self._flat:
            target.lerp_(online, self.config.target_rate)
        return values, targets[-1], ascended

    def _target(self, reward: Tensor, next_state: Tensor, noise: Tensor) -> Tensor:
        """Return what the critics should say of minibatches, as the rewards (U, B)."""
        next_action = torch.tanh(self.target_policy.body(next_state.reshape(
            1, -1, next_state.shape[-1]))).view_as(noise).add_(noise).clamp_(-1, 1)
        x = torch.cat((next_state, next_action), -1).flatten(0, 1)
        values: Tensor = self.target_critics.body(x.expand(self.config.critics, -1, -1))
        return torch.add(reward, values.amin(0).view_as(reward), alpha=self.config.discount)

    def _improve_critics(self, state_action: Tensor, target: Tensor) -> Tensor:
        """Descend the squared error to targets (B,); return the values (M, B) before."""
        body = self.critics.body
        trace = body.trace(state_action.expand(self.config.critics, -1, -1))
        error = trace[-1] - target.unsqueeze(-1)
        body.parameter_gradients(trace, error * (2 / len(target)))
        self._team.average(self.critics_optimiser.gradient)
        self.critics_optimiser.advance()
        return trace[-1].squeeze(-1)

    def _improve_policy(self, state: Tensor) -> Tensor:
        """Ascend the first critic's values of the policy's actions; return them (1, B, 1)."""
        trace = self.policy.body.trace(state.unsqueeze(0))
        action = torch.tanh(trace[-1])
        values = self.critics.body.trace(torch.cat((state.unsqueeze(0), action), -1))
        slope = self.critics.body.input_gradient(
            values, torch.full_like(values[-1], -1 / len(state)))[..., state.shape[-1]:]
        slope = slope * (1 - action.square())
        if self.config.preactivation_cost:
            slope += (2 * self.config.preactivation_cost / action.numel()) * trace[-1]
        self.policy.body.parameter_gradients(trace, slope)
        self._team.average(self.policy_optimiser.gradient)
        self.policy_optimiser.advance()
        return values[-1]

    def restart_average(self) -> None:
        """Average from here on only: what was learnt before means other latents."""
        self.averaged_since = self.updates
        if self._average is not None:
            self._average.copy_(self._flat[0][0])

    def _move_average(self) -> None:
        if self._average is not None:
            # Over the last tenth until there were enough: the first ones know nothing. Over the
            # last half of those since the average began anew.
            updates = min(self.config.average_updates, 0.1 * self.updates,
                          0.5 * (self.updates - self.averaged_since))
            share = self.config.policy_delay / max(updates, self.config.policy_delay)
            self._average.lerp_(self._flat[0][0], share)
