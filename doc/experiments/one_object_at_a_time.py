"""`push_multi` learnt by networks that treat objects alike, one object at a time.

Two things differ from the recipe. Policy and critics are Deep Sets (Zaheer et al., NeurIPS 2017):
one perceptron sees each object beside the hand, what it says of all is added up. And an imagined
goal wants one object elsewhere and leaves the others where they are; a goal that wants several is
pursued by turns.

With true positions the objects are given. With pictures they are found: of the landmarks that the
VAE's decoder draws with, those whose motion correlates are one object, and the one that follows
the actions is the hand.

usage: one_object_at_a_time.py state|pictures [--seed N] [--steps N] [--whole-goals] [--noise M]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import Any, Protocol
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from rig_ros.control import task as tasks
from rig_ros.evaluation import protocol
from rig_ros.learning import config as configs
from rig_ros.learning import practice, td3, trainer
from rig_ros.learning.networks import (
    EnsembleLayerNorm,
    EnsembleLinear,
    EnsembleMLP,
    Rectifier,
)
from rig_ros.learning.vae_networks import LANDMARKS
from rig_ros.simulation.environment import SawyerEnv
from rig_ros.simulation.state_environment import SawyerStateEnv
from rig_ros.simulation.states import ASIDE

HIDDEN = (128, 128)
TURN = 30
"""Steps after which it is another object's turn."""
LAST = 12
"""Steps at the end in which only the hand has a goal."""
ALIKE = 0.5
"""Landmarks whose motion correlates more belong to one object."""
NUDGE = 0.1
"""How far a landmark is moved to see what it draws, in half pictures."""


# Networks ----------------------------------------------------------------------------------------


class Arranged(nn.Module):
    """A row for each of K objects: (M, B, 2 * 3 K + extra) to (M, B * K, features).

    Given are place and strength of each, the hand first, the same for where they are wanted, and
    more, which every row gets.
    """

    def __init__(self, objects: int, extra: int) -> None:
        super().__init__()
        here = torch.eye(6 * objects + extra)
        own = here[:, :3 * objects].unflatten(1, (objects, 3))
        wanted = here[:, 3 * objects:6 * objects].unflatten(1, (objects, 3))
        rest = here[:, None, 6 * objects:].expand(-1, objects, -1)
        hand, hand_wanted = (part[:, :1, :2].expand(-1, objects, -1) for part in (own, wanted))
        select = torch.cat((own[..., :2] - hand, own, wanted - own, hand_wanted - hand, hand,
                            rest, torch.zeros(len(here), objects, objects)), -1)
        label = torch.zeros(objects, select.shape[-1])
        label[:, -objects:] = torch.eye(objects)
        self.features = select.shape[-1]
        self.register_buffer('select', select.flatten(1))
        self.register_buffer('label', label.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows, those of the same input next to each other."""
        return (x @ self.select + self.label).view(len(x), -1, self.features)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Do nothing: there are no parameters."""

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        return grad.reshape(len(grad), x.shape[1], -1) @ self.select.T


class Summed(nn.Module):
    """The sum of each input's rows over sqrt(K): (M, B * K, h) to (M, B, h)."""

    def __init__(self, objects: int) -> None:
        super().__init__()
        self.objects = objects

    def forward(self, x: Tensor) -> Tensor:
        """Add up."""
        return x.unflatten(1, (-1, self.objects)).sum(2).mul_(self.objects ** -0.5)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Do nothing: there are no parameters."""

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        return (grad * self.objects ** -0.5).repeat_interleave(self.objects, 1)


class DeepSet(EnsembleMLP):
    """M networks: (M, B, 2 * 3 K + extra) to (M, B, outputs)."""

    def __init__(self, members: int, objects: int, extra: int, outputs: int, *,
                 layer_norm: bool) -> None:
        nn.Module.__init__(self)

        def layer(inputs: int, width: int) -> list[nn.Module]:
            norm = [EnsembleLayerNorm(members, width)] if layer_norm else []
            return [EnsembleLinear(members, inputs, width), *norm, Rectifier()]

        arranged, (each, together) = Arranged(objects, extra), HIDDEN
        self.members = members
        self.layers = nn.Sequential(
            arranged, *layer(arranged.features, each), *layer(each, each), Summed(objects),
            *layer(each, together), EnsembleLinear(members, together, outputs, last=True))


class Reader(nn.Module):
    """Reads objects out of latents: (..., d) to (..., 3 K), place and strength of each."""

    def __init__(self, latent_dim: int, objects: int) -> None:
        super().__init__()
        for name, shape in {
                'places': (latent_dim, 2 * objects), 'places_shift': (2 * objects,),
                'hidden': (latent_dim, 128), 'hidden_shift': (128,),
                'strengths': (128, objects), 'strengths_shift': (objects,)}.items():
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, latents: Tensor) -> Tensor:
        """Return places and strengths, object by object."""
        places = (latents @ self.places + self.places_shift).unflatten(-1, (-1, 2))
        hidden = torch.relu(latents @ self.hidden + self.hidden_shift)
        strengths = hidden @ self.strengths + self.strengths_shift
        return torch.cat((places, strengths.unsqueeze(-1)), -1).flatten(-2)

    def apart(self, latents: Tensor, others: Tensor) -> Tensor:
        """Return how far each object's place (B, K, 2) is in others (B, d) from where it is."""
        return ((others - latents) @ self.places).unflatten(1, (-1, 2))


class ObjectPolicy(nn.Module):
    """(latent, goal) to an action, by way of objects."""

    def __init__(self, latent_dim: int, action_dim: int, objects: int) -> None:
        super().__init__()
        self.reader = Reader(latent_dim, objects)
        self.body = DeepSet(1, objects, 0, action_dim, layer_norm=False)

    def forward(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Return actions (B, n)."""
        seen = torch.cat((self.reader(latent), self.reader(goal)), -1)
        return torch.tanh(self.body(seen.unsqueeze(0)).squeeze(0))


class ObjectCritics(nn.Module):
    """Values of what `Reader` makes of latents and goals."""

    def __init__(self, members: int, action_dim: int, objects: int) -> None:
        super().__init__()
        self.body = DeepSet(members, objects, action_dim, 1, layer_norm=True)


class ObjectTD3(td3.TD3):
    """TD3 on objects."""

    @staticmethod
    def build(latent_dim: int, action_dim: int, config: Any, objects: int) -> ObjectTD3:
        """Return an untrained agent."""
        with mock.patch.multiple(
                td3,
                Policy=lambda dim, actions, _: ObjectPolicy(dim, actions, objects),
                Critics=lambda members, _, actions, __, **___: ObjectCritics(
                    members, actions, objects)):
            return ObjectTD3(latent_dim, action_dim, config)

    def read_as(self, reader: Reader) -> None:
        """Read objects as that reader does."""
        for policy in (self.policy, self.target_policy, self.average_policy):
            policy.reader.load_state_dict(reader.state_dict())

    def update(self, latent: Tensor, action: Tensor, reward: Tensor, next_latent: Tensor,
               goal: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from minibatches of latents."""
        see = self.policy.reader
        return super().update(see(latent), action, reward, see(next_latent), see(goal), generator)


# Objects -----------------------------------------------------------------------------------------


class Objects(Protocol):
    """What latents say of objects; number 0 is the hand."""

    reader: Reader

    def refresh(self, learner: trainer.Learner) -> None:
        """Read again how they are read: the VAE was trained."""

    def compose(self, latent: Tensor, goal: Tensor, which: Tensor) -> Tensor:
        """Return latents (B, d) in which the hand and one object each are as in the goals."""


class TruePositions:
    """From state vectors: the hand's (x, y, z), each puck's (x, y)."""

    def __init__(self, latent_dim: int, objects: int, aside: float) -> None:
        self.reader = Reader(latent_dim, objects)
        self._columns = [0, *range(3, 1 + 2 * objects, 2)]
        self._aside = aside
        self._encoder: Any = None

    def refresh(self, learner: trainer.Learner) -> None:
        """Follow the whitening."""
        self._encoder = learner.vae
        matrix, shift = to_raw(learner.vae)
        columns = torch.tensor([[c, c + 1] for c in self._columns]).flatten()
        middle = torch.tensor([0.6, 0.0]).repeat(len(self._columns))
        self.reader.places = matrix[:, columns] * 8
        self.reader.places_shift = (shift[columns] - middle) * 8
        for puck, column in enumerate(self._columns[1:], 1):  # strength 0 for one that is aside
            self.reader.hidden[:, puck] = matrix[:, column] * 10
            self.reader.hidden_shift[puck] = (shift[column] - self._aside + ASIDE) * 10
            self.reader.strengths[puck, puck] = -1
        self.reader.strengths_shift.fill_(1)

    def compose(self, latent: Tensor, goal: Tensor, which: Tensor) -> Tensor:
        """Exchange coordinates; a puck that is aside stays so."""
        raw, wanted = (self._encoder._raw(part) for part in (latent, goal))
        mask = torch.zeros_like(raw, dtype=torch.bool)
        mask[:, :3] = True
        for puck, column in enumerate(self._columns[1:], 1):
            there = ~(self._gone(raw, column) | self._gone(wanted, column))
            mask[:, column:column + 2] = ((which == puck) & there).unsqueeze(1)
        mixed = torch.where(mask, wanted, raw)
        composed: Tensor = self._encoder._scaled(mixed, torch.zeros_like(raw))[0]
        return composed

    def _gone(self, raw: Tensor, column: int) -> Tensor:
        return (raw[:, column] - self._aside).abs() < 0.03


class Landmarks:
    """From what the VAE's decoder draws with; see the module."""

    def __init__(self, latent_dim: int, objects: int) -> None:
        self.reader = Reader(latent_dim, objects)
        self._shares = torch.zeros(LANDMARKS, objects)
        self._back = torch.zeros(0)

    @torch.no_grad()
    def refresh(self, learner: trainer.Learner) -> None:
        """Find objects the first time; follow the decoder."""
        decoder: Any = learner.vae.decoder
        matrix, shift = to_raw(learner.vae)
        batch = learner.replay.sample(trainer.WHITEN_SAMPLE, learner.generator)
        raw, later = (part @ matrix + shift for part in (batch.latent, batch.next_latent))
        places, after = (decoder.positions(part).unflatten(1, (LANDMARKS, 2))
                         for part in (raw, later))
        if not self._shares.any():
            importance = drawn(decoder, raw[:64]) * places.var(0).sum(-1)
            found = grouped(after - places, importance, self._shares.shape[1])
            told = follows(after - places, batch.action)
            found.sort(key=lambda group: -told[group].max().item())
            for number, group in enumerate(found):
                self._shares[group, number] = importance[group] / importance[group].sum()
        here = torch.einsum('blc,lk->bkc', places, self._shares)
        scale, middle = 1 / here.std(0).mean(), here.mean((0, 1))
        weight = decoder.positions.weight.T.unflatten(1, (LANDMARKS, 2))
        weight = torch.einsum('dlc,lk->dkc', weight, self._shares) * scale
        bias = torch.einsum('lc,lk->kc', decoder.positions.bias.unflatten(0, (LANDMARKS, 2)),
                            self._shares)
        leaders = self._shares.argmax(0)
        first, last = decoder.strengths[0], decoder.strengths[2]
        loud = decoder.strengths(raw)[:, leaders].abs().mean(0)
        self.reader.load_state_dict({
            'places': matrix @ weight.flatten(1),
            'places_shift': shift @ weight.flatten(1) + ((bias - middle) * scale).flatten(),
            'hidden': matrix @ first.weight.T,
            'hidden_shift': shift @ first.weight.T + first.bias,
            'strengths': (last.weight[leaders] / loud.unsqueeze(1)).T,
            'strengths_shift': last.bias[leaders] / loud})
        self._back = torch.linalg.pinv(self.reader.places)
        print('objects:', [self._shares[:, k].nonzero().flatten().tolist()
                           for k in range(self._shares.shape[1])], flush=True)

    def compose(self, latent: Tensor, goal: Tensor, which: Tensor) -> Tensor:
        """Take the smallest change of the latent that moves just those landmarks."""
        change = self.reader.apart(latent, goal)
        numbers = torch.arange(change.shape[1])
        moved = (numbers == 0) | (numbers == which.unsqueeze(1))
        return latent + (change * moved.unsqueeze(2)).flatten(1) @ self._back

    def reward(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Minus the sum of objects' differences; the hand's count for less."""
        difference = self.reader.apart(latent, goal).abs().sum(2)
        return -0.05 * (difference[:, 1:].sum(1) + 0.3 * difference[:, 0])


def to_raw(encoder: Any) -> tuple[Tensor, Tensor]:
    """Return the matrix and shift that make raw latents of whitened ones."""
    return torch.linalg.solve(encoder.mixing, torch.diag(1 / encoder.scale)), encoder.shift


def drawn(decoder: Any, raw: Tensor) -> Tensor:
    """Return how much pictures of raw latents change where a landmark is moved. Shape (32,)."""
    bias = decoder.positions.bias
    before, kept, change = decoder(raw), bias.clone(), torch.zeros(LANDMARKS)
    for coordinate in range(2 * LANDMARKS):
        bias[coordinate] += NUDGE
        change[coordinate // 2] += (decoder(raw) - before).square().mean()
        bias.copy_(kept)
    return change


def grouped(moved: Tensor, importance: Tensor, count: int) -> list[list[int]]:
    """Return the landmarks of the most important objects by their motion (B, 32, 2)."""
    alike = torch.corrcoef(moved.transpose(0, 1).flatten(1))
    found: list[list[int]] = []
    for landmark in importance.argsort(descending=True).tolist():
        mine = [group for group in found if alike[landmark, group].max() > ALIKE]
        if not mine and len(found) == count:
            break
        found = [group for group in found if group not in mine]
        found.append([*(one for group in mine for one in group), landmark])
    return found


def follows(moved: Tensor, action: Tensor) -> Tensor:
    """Return which share of landmarks' motion (B, 32, 2) is linear in the action: (32,)."""
    told = torch.linalg.lstsq(action, moved.flatten(1)).solution
    left = moved - (action @ told).view_as(moved)
    return 1 - left.square().sum((0, 2)) / moved.square().sum((0, 2)).clamp(min=1e-12)


# Practice and evaluation -------------------------------------------------------------------------


class NoisyStateEnv(SawyerStateEnv):
    """True positions with noise on those of pucks [m], drawn anew for each observation."""

    def __init__(self, task: Any, seed: int, noise: float) -> None:
        super().__init__(task, seed)
        self._noise = noise

    def observe(self) -> Any:
        """Return the state vector."""
        state = super().observe()
        state[3:] += self._noise * self._rng.standard_normal(len(state) - 3).astype(np.float32)
        return state


class Trial:
    """One training; what `practice.run_episode` practises in."""

    def __init__(self, sees: str, seed: int, steps: int, whole_goals: bool, noise: float) -> None:
        task, recipe = tasks.load('push_multi'), configs.load('push_multi')
        state = sees == 'state'
        recipe = dataclasses.replace(
            recipe, encoder='state' if state else 'vae', env_steps=steps, replay_frames=400_000,
            td3=dataclasses.replace(recipe.td3, updates_per_step=1))
        self.task, self.recipe, self.whole_goals = task, recipe, whole_goals
        self.env: Any = (NoisyStateEnv(task, seed, noise) if state else
                         SawyerEnv(task, seed, recipe.image_size))
        self.learner = trainer.Learner(recipe, task.action_dim, seed,
                                       state_dim=getattr(self.env, 'state_dim', 0))
        self.count, dim = 1 + len(task.pucks), self.learner.vae.latent_dim
        self.objects: Objects
        if state:
            self.objects = TruePositions(dim, self.count, task.workspace_high[0] + ASIDE)
        else:
            self.objects = landmarks = Landmarks(dim, self.count)
            self.learner.reward = landmarks.reward
        torch.manual_seed(seed)
        self.learner.agent = ObjectTD3.build(dim, task.action_dim, recipe.td3, self.count)
        self.segment = task.horizon if whole_goals else task.horizon // 2
        self.observed: Any = None

    def relabel(self, batch: Any, _: Any, setter: Any, generator: torch.Generator) -> Tensor:
        """Return what `goals.relabel` does, with imagined goals of one object in two of five."""
        size = len(batch.latent)
        imagined = setter.sample(size, generator)
        if not self.whole_goals:
            imagined = self.objects.compose(
                batch.latent, imagined,
                torch.randint(self.count, (size,), generator=generator))
        draw = torch.rand(size, 1, generator=generator)
        return torch.where(draw < (0.2 if self.whole_goals else 0.4), imagined, batch.future)

    def imagine_goal(self) -> Any:
        """Return what the learner does, of one object."""
        learner = self.learner
        goal = learner.goals.sample(1, learner.generator)
        if not self.whole_goals:
            latent = torch.from_numpy(learner.encode(self.observed)[None])
            which = torch.randint(self.count, (1,), generator=learner.generator)
            goal = self.objects.compose(latent, goal, which)
        return goal[0].numpy()

    def reset(self) -> Any:
        """Go on from where things are: an episode's second goal is practised from there."""
        return self.observed

    def step(self, action: Any) -> Any:
        """Do an action and return the observation after it."""
        self.observed = self.env.step(action)
        return self.observed

    def practise(self) -> None:
        """Do an episode; it counts as two if each half has a goal of its own."""
        self.observed = self.env.reset()
        for _ in range(self.task.horizon // self.segment):
            practice.run_episode(self, self.learner, self.segment)

    def run(self) -> None:
        """Learn and print figures."""
        began, quick = time.monotonic(), self.env.held_out_goals(20, 7)
        show('doing nothing', [self.env.do_nothing(goal) for goal in quick])
        learner = self.learner
        train_vae = learner.train_vae

        def train_vae_and_read(*arguments: Any) -> None:
            train_vae(*arguments)
            self.objects.refresh(learner)
            learner.agent.read_as(self.objects.reader)

        learner.train_vae, learner.imagine_goal = train_vae_and_read, self.imagine_goal
        with mock.patch.object(trainer, 'relabel', self.relabel):
            while learner.env_steps < self.recipe.env_steps:
                self.practise()
                learner.train(self.task.horizon)
                if learner.env_steps % 10_000 == 0:
                    print(learner.env_steps, 'steps', round(time.monotonic() - began), 's')
                    self.measure(quick)
        print('held-out goals')
        self.measure(self.env.held_out_goals(50))

    def measure(self, goals: list[Any]) -> None:
        """Print how far goals were missed, pursued at once and by turns."""
        for name, agent in (('at once', AtOnce(self)), ('by turns', ByTurns(self))):
            result = protocol.run(agent, self.env, goals, self.task.horizon)
            show(name, [record.final for record in result.records])


def show(name: str, distances: list[dict[str, float]]) -> None:
    """Print the means of pucks and hand in centimetres."""
    print(' ', name, ', '.join(
        f'{part} {100 * np.mean([each[part] for each in distances]):.2f} cm'
        for part in ('pucks', 'hand')), flush=True)


class AtOnce:
    """Acts towards the whole goal."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.learner = trial, trial.learner

    def encode(self, observed: Any) -> tuple[Any, None]:
        """Return the latent."""
        return self.learner.encode(observed), None

    def act(self, latent: Any, goal: Any) -> Any:
        """Return the action."""
        return self.learner.act(latent, goal)


class ByTurns(AtOnce):
    """Acts towards one object's goal after another's, each time the one that is furthest off."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.step, self.which, self.since = 0, 0, 0
        self.wanted: Any = None

    def act(self, latent: Any, goal: Any) -> Any:
        """Return the action towards the goal whose turn it is."""
        step = self.step % self.trial.task.horizon
        self.step += 1
        if step == 0:
            self.which, self.since = 0, TURN
        here, there = (torch.from_numpy(part[None]) for part in (latent, goal))
        objects = self.trial.objects
        off = objects.reader.apart(here, there)[0].norm(dim=-1)
        off[0] = 0
        left = self.trial.task.horizon - step
        if left == LAST:
            self.wanted = objects.compose(here, there, torch.tensor([0]))
        elif left > LAST and (self.since >= TURN or off[self.which] < 0.1):
            off[self.which] = -1
            self.which, self.since = int(off.argmax()), 0
            self.wanted = objects.compose(here, there, torch.tensor([self.which]))
        self.since += 1
        return self.learner.act(latent, self.wanted[0].numpy())


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sees', choices=('state', 'pictures'))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--steps', type=int, default=80_000)
    parser.add_argument('--whole-goals', action='store_true')
    parser.add_argument('--noise', type=float, default=0.0, help='state: of pucks [m]')
    arguments = parser.parse_args()
    if arguments.noise and arguments.sees != 'state':
        parser.error(f'--noise: got {arguments.noise} with pictures, allowed: with state only')
    torch.set_num_threads(1)
    Trial(arguments.sees, arguments.seed, arguments.steps, arguments.whole_goals,
          arguments.noise).run()
