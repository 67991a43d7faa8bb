"""Episodes kept as uint8 pictures, with their latents cached; transitions sampled from them.

Where an agent is given true positions, state vectors (k,) float32 take the place of pictures.

Frames of an episode lie next to each other in one buffer of a fixed number of frames: T + 1
pictures for T actions (the last frame's action is unused). When the buffer is full the oldest
episodes go. Pictures stay, latents are remade (`encode`) whenever the representation changes.
What storage the pictures lie in (`pictures`) changes nothing of what is drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rig_ros.errors import DataError
from rig_ros.learning.config import Storage
from rig_ros.learning.pictures import (
    Observation,
    Pictures,
    Places,
    Shape,
    dtype_of,
    make_pictures,
)
from rig_ros.learning.tensor_file import Stack

ENCODE_CHUNK = 512


class Batch(NamedTuple):
    """B transitions in latent space, with what relabelling needs."""

    latent: Tensor
    """(B, dim) before the action."""
    action: Tensor
    """(B, n) in [-1, 1]."""
    next_latent: Tensor
    """(B, dim) after it."""
    future: Tensor
    """(B, dim) of a later frame of the same episode, drawn evenly; it may be the next."""
    rollout_goal: Tensor
    """(B, dim) of the episode's goal; arbitrary where it had none."""
    has_rollout_goal: Tensor
    """(B,) bool."""


class Episode(NamedTuple):
    """Where an episode lies."""

    start: int
    frames: int
    goal: bool


class Index(NamedTuple):
    """Flat places that sampling uses, oldest episode first."""

    frames: Tensor
    """(F,) of all pictures."""
    ends: Tensor
    """(F,) how many pictures of the same episode follow."""
    transitions: Tensor
    """(N,) of the pictures an action follows on."""
    last: Tensor
    """(N,) of the last picture of the same episode."""
    number: Tensor
    """(N,) which episode it is."""
    goal: Tensor
    """(E,) bool: whether an episode had a goal."""


class Replay:
    """See the module."""

    def __init__(self, frames: int, shape: Shape, action_dim: int, latent_dim: int,
                 storage: Storage = 'auto', folder: Path | None = None) -> None:
        """Start empty.

        Args:
            frames: pictures kept.
            shape: of a picture (size, size, 3), or of a state (k,).
            action_dim: components of an action.
            latent_dim: components of a latent.
            storage: where the pictures lie.
            folder: on the disk for those that do not lie in memory.
        """
        self.capacity = frames
        self._shape = shape
        self._stacked = len(shape) == 3
        """Whether there are pictures, saved part by part, and not states, which are small."""
        self._images = make_pictures(frames, shape, storage, folder)
        self._goal_images = make_pictures(frames, shape, storage, folder)
        """Where the episode's first picture is in the other."""
        self.actions = torch.zeros(frames, action_dim)
        self.latents = torch.zeros(frames, latent_dim)
        self.weights = torch.ones(frames)
        """How much each picture counts; a new one as much as the median."""
        self.episodes: deque[Episode] = deque()
        self.goal_latents = torch.zeros(0, latent_dim)
        self._cursor = 0
        self._indexed: Index | None = None

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self._index.transitions)

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return len(self._index.frames)

    def add_episode(self, images: Observation, actions: NDArray[np.float32],
                    goal_image: Observation | None = None) -> slice:
        """Store an episode of T steps and return where its frames lie.

        Args:
            images: (T + 1, H, W, 3) uint8, or states (T + 1, k) float32.
            actions: (T, n) in [-1, 1], as they were carried out.
            goal_image: the picture, or state, that was practised towards, if any.

        Raises:
            DataError: shapes or types do not fit; nothing was stored.
        """
        self._check(images, actions, goal_image)
        count = len(images)
        start = self._cursor if self._cursor + count <= self.capacity else 0
        where = slice(start, start + count)
        while self.episodes and self._overlaps(self.episodes[0], where):
            self.episodes.popleft()
            self.goal_latents = self.goal_latents[1:]
        self._images.write(_places(where), images)
        self.actions[start:start + count - 1] = torch.from_numpy(np.asarray(actions, np.float32))
        self.latents[where], self.weights[where] = 0, 1
        self.episodes.append(Episode(start, count, goal_image is not None))
        goal = np.zeros_like(images[0]) if goal_image is None else goal_image
        self._goal_images.write(np.array([start]), goal[None])
        self.goal_latents = torch.cat((self.goal_latents,
                                       torch.zeros(1, self.goal_latents.shape[1])))
        self._cursor = start + count
        self._indexed = None
        return where

    def _check(self, images: Observation, actions: NDArray[np.float32],
               goal: Observation | None) -> None:
        shape, dtype = self._shape, dtype_of(self._shape)
        if images.dtype != dtype or images.shape[1:] != shape:
            raise DataError(f'episode pictures: got {images.dtype} {images.shape[1:]}, allowed: '
                            f'{dtype} {shape}; use the camera node to crop and resize')
        if actions.shape != (len(images) - 1, self.actions.shape[1]) or len(actions) == 0:
            raise DataError(f'episode actions: got shape {actions.shape} for {len(images)} '
                            f'pictures, allowed: {(len(images) - 1, self.actions.shape[1])} '
                            'and at least one step')
        if not np.isfinite(actions).all() or np.abs(actions).max() > 1 + 1e-6:
            raise DataError('episode actions: got values outside [-1, 1] or not finite; '
                            'drop the episode')
        if goal is not None and (goal.dtype != dtype or goal.shape != shape):
            raise DataError(f'episode goal: got {goal.dtype} {goal.shape}, allowed: {dtype} '
                            f'{shape}')
        if len(images) > self.capacity:
            raise DataError(f'episode: got {len(images)} pictures, allowed: up to '
                            f'{self.capacity}; raise replay_frames')

    @staticmethod
    def _overlaps(episode: Episode, where: slice) -> bool:
        end = episode.start + episode.frames
        return bool(episode.start < where.stop and where.start < end)

    @property
    def _index(self) -> Index:
        """The flat places, made anew after a change: many episodes may come before they matter."""
        if self._indexed is None:
            starts = self._starts
            counts = np.array([e.frames for e in self.episodes], np.int64)
            last = np.repeat(starts + counts - 1, counts)
            number = np.repeat(np.arange(len(starts)), counts)
            before = np.repeat(np.cumsum(counts) - counts, counts)
            frames = np.repeat(starts, counts) + np.arange(len(number)) - before
            moving = frames < last
            self._indexed = Index(
                torch.from_numpy(frames), torch.from_numpy(last - frames),
                torch.from_numpy(frames[moving]),
                torch.from_numpy(last[moving]), torch.from_numpy(number[moving]),
                torch.tensor([e.goal for e in self.episodes], dtype=torch.bool))
        return self._indexed

    @property
    def _starts(self) -> Places:
        return np.array([e.start for e in self.episodes], np.int64)

    def encode(self, encode: Callable[[Tensor], tuple[Tensor, Tensor]],
               where: slice | None = None) -> None:
        """Remake the cached latents: of all frames and goals, or of one episode just added."""
        places = self._index.frames.numpy() if where is None else _places(where)
        starts = self._starts if where is None else np.array([where.start])
        for chunk in _chunks(places):
            self.latents[chunk] = encode(torch.from_numpy(self._images.read(chunk)))[0]
        goals = [encode(torch.from_numpy(self._goal_images.read(chunk)))[0]
                 for chunk in _chunks(starts)]
        if goals:
            self.goal_latents[-len(starts):] = torch.cat(goals)

    def all_latents(self) -> Tensor:
        """Return the cached latents (frames, dim) of all pictures."""
        return self.latents[self._index.frames]

    def pictures(self, places: Tensor) -> Tensor:
        """Return pictures (count, H, W, 3) uint8 by their places among all, oldest first."""
        return torch.from_numpy(self._images.read(self._index.frames[places].numpy()))

    def sample_images(self, count: int, generator: torch.Generator) -> Tensor:
        """Return pictures (count, H, W, 3) uint8, drawn evenly with replacement."""
        return self.pictures(torch.randint(self.frames, (count,), generator=generator))

    def weigh(self, weights: Tensor) -> None:
        """Let pictures count by weights (frames,), oldest first, for those who draw by them."""
        self.weights[self._index.frames] = weights

    def followed(self, places: Tensor, steps: int,
                 generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a later picture of each one's episode, and what was done until then.

        Args:
            places: (B,) of pictures among all, oldest first.
            steps: the later one is drawn among the next so many; the last picture follows itself.
            generator: of that draw.

        Returns:
            Its place (B,), and the actions (B, n) on the way added up.
        """
        index = self._index
        apart = torch.randint(1, steps + 1, places.shape, generator=generator)
        apart = torch.minimum(apart, index.ends[places])
        step = torch.arange(steps)
        on_the_way = (step < apart.unsqueeze(1)).unsqueeze(2)
        first = index.frames[places].unsqueeze(1)
        actions = self.actions[torch.minimum(first + step, first + apart.unsqueeze(1))]
        return places + apart, (actions * on_the_way).sum(1)

    def sample(self, count: int, generator: torch.Generator, *, weighted: bool = False) -> Batch:
        """Return transitions drawn with replacement: evenly, or as where they lead to counts."""
        index = self._index
        if weighted:
            draw = torch.multinomial(self.weights[index.transitions + 1], count, replacement=True,
                                     generator=generator)
        else:
            draw = torch.randint(len(self), (count,), generator=generator)
        frame, last, number = index.transitions[draw], index.last[draw], index.number[draw]
        share = torch.rand(count, generator=generator, dtype=torch.float64)
        future = frame + 1 + (share * (last - frame)).long()
        return Batch(self.latents[frame], self.actions[frame], self.latents[frame + 1],
                     self.latents[future], self.goal_latents[number], index.goal[number])

    def state(self) -> dict[str, Tensor]:
        """Return everything but the pictures, episodes in order, as tensors; states too."""
        order = self._index.frames
        states = {} if self._stacked else {
            name: torch.from_numpy(pictures.read(places))
            for name, (pictures, places) in self._kept().items()}
        return {
            **states,
            'actions': self.actions[order], 'latents': self.latents[order],
            'weights': self.weights[order],
            'goal_latents': self.goal_latents.clone(),
            'episodes': torch.tensor(list(self.episodes), dtype=torch.int64).reshape(-1, 3),
            'cursor': torch.tensor(self._cursor),
        }

    def stacks(self) -> dict[str, Stack]:
        """Return the pictures, episodes in order; valid until the next episode comes."""
        if not self._stacked:
            return {}
        return {name: self._stack(*kept) for name, kept in self._kept().items()}

    def _kept(self) -> dict[str, tuple[Pictures, Places]]:
        """Return where pictures lie that have a meaning, episodes in order."""
        return {'images': (self._images, self._index.frames.numpy()),
                'goal_images': (self._goal_images, self._starts)}

    def _stack(self, pictures: Pictures, places: Places) -> Stack:
        return Stack((len(places), *self._shape),
                     lambda: (pictures.read(chunk) for chunk in _chunks(places)))

    def restore(self, state: Mapping[str, Tensor], stacks: Mapping[str, Stack]) -> None:
        """Become exactly the replay that gave `state` and `stacks`."""
        self.episodes = deque(Episode(int(s), int(n), bool(g)) for s, n, g in state['episodes'])
        self.goal_latents = state['goal_latents'].clone()
        self._cursor = int(state['cursor'])
        self._indexed = None
        order = self._index.frames
        for name, (pictures, places) in self._kept().items():
            done = 0
            for part in stacks[name].parts() if self._stacked else [state[name].numpy()]:
                pictures.write(places[done:done + len(part)], part)
                done += len(part)
        self.actions[order] = state['actions']
        self.latents[order] = state['latents']
        self.weights[order] = state['weights']


def _places(where: slice) -> Places:
    return np.arange(where.start, where.stop)


def _chunks(places: Places) -> Iterator[Places]:
    """Yield places, as many at a time as are worked on at once."""
    for first in range(0, len(places), ENCODE_CHUNK):
        yield places[first:first + ENCODE_CHUNK]
