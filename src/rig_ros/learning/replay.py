"""Episodes kept as uint8 pictures, with their latents cached; transitions sampled from them.

Frames of an episode lie next to each other in one buffer of a fixed number of frames: T + 1
pictures for T actions (the last frame's action is unused). When the buffer is full the oldest
episodes go. Pictures stay, latents are remade (`encode`) whenever the representation changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rig_ros.errors import DataError

ImageU8 = NDArray[np.uint8]
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


class Replay:
    """See the module."""

    def __init__(self, frames: int, image_size: int, action_dim: int, latent_dim: int) -> None:
        self.capacity = frames
        self.images = np.empty((frames, image_size, image_size, 3), np.uint8)
        self.actions = torch.zeros(frames, action_dim)
        self.latents = torch.zeros(frames, latent_dim)
        self.episodes: deque[Episode] = deque()
        self.goal_images: deque[ImageU8] = deque()
        self.goal_latents = torch.zeros(0, latent_dim)
        self._cursor = 0
        self._index_episodes()

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self._transitions)

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return len(self._frames)

    def add_episode(self, images_thwc_u8: ImageU8, actions: NDArray[np.float32],
                    goal_image_hwc_u8: ImageU8 | None = None) -> slice:
        """Store an episode of T steps and return where its frames lie.

        Args:
            images_thwc_u8: (T + 1, H, W, 3).
            actions: (T, n) in [-1, 1], as they were carried out.
            goal_image_hwc_u8: (H, W, 3), the picture that was practised towards, if any.

        Raises:
            DataError: shapes or types do not fit; nothing was stored.
        """
        self._check(images_thwc_u8, actions, goal_image_hwc_u8)
        count = len(images_thwc_u8)
        start = self._cursor if self._cursor + count <= self.capacity else 0
        where = slice(start, start + count)
        while self.episodes and self._overlaps(self.episodes[0], where):
            self.episodes.popleft()
            self.goal_images.popleft()
            self.goal_latents = self.goal_latents[1:]
        self.images[where] = images_thwc_u8
        self.actions[start:start + count - 1] = torch.from_numpy(np.asarray(actions, np.float32))
        self.latents[where] = 0
        self.episodes.append(Episode(start, count, goal_image_hwc_u8 is not None))
        self.goal_images.append(np.zeros(images_thwc_u8.shape[1:], np.uint8)
                                if goal_image_hwc_u8 is None else goal_image_hwc_u8.copy())
        self.goal_latents = torch.cat((self.goal_latents,
                                       torch.zeros(1, self.goal_latents.shape[1])))
        self._cursor = start + count
        self._index_episodes()
        return where

    def _check(self, images: ImageU8, actions: NDArray[np.float32],
               goal: ImageU8 | None) -> None:
        shape = self.images.shape[1:]
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise DataError(f'episode pictures: got {images.dtype} {images.shape[1:]}, allowed: '
                            f'uint8 {shape}; use the camera node to crop and resize')
        if actions.shape != (len(images) - 1, self.actions.shape[1]) or len(actions) == 0:
            raise DataError(f'episode actions: got shape {actions.shape} for {len(images)} '
                            f'pictures, allowed: {(len(images) - 1, self.actions.shape[1])} '
                            'and at least one step')
        if not np.isfinite(actions).all() or np.abs(actions).max() > 1 + 1e-6:
            raise DataError('episode actions: got values outside [-1, 1] or not finite; '
                            'drop the episode')
        if goal is not None and (goal.dtype != np.uint8 or goal.shape != shape):
            raise DataError(f'episode goal: got {goal.dtype} {goal.shape}, allowed: uint8 {shape}')
        if len(images) > self.capacity:
            raise DataError(f'episode: got {len(images)} pictures, allowed: up to '
                            f'{self.capacity}; raise replay_frames')

    @staticmethod
    def _overlaps(episode: Episode, where: slice) -> bool:
        end = episode.start + episode.frames
        return bool(episode.start < where.stop and where.start < end)

    def _index_episodes(self) -> None:
        """Rebuild the flat indices that sampling uses."""
        starts = np.array([e.start for e in self.episodes], np.int64)
        counts = np.array([e.frames for e in self.episodes], np.int64)
        last = np.repeat(starts + counts - 1, counts)
        number = np.repeat(np.arange(len(starts)), counts)
        frames = (np.concatenate([np.arange(e.start, e.start + e.frames) for e in self.episodes])
                  if self.episodes else np.zeros(0, np.int64))
        moving = frames < last
        self._frames = torch.from_numpy(frames)
        self._transitions = torch.from_numpy(frames[moving])
        self._last = torch.from_numpy(last[moving])
        self._number = torch.from_numpy(number[moving])
        self._goal = torch.tensor([e.goal for e in self.episodes], dtype=torch.bool)

    def encode(self, encode: Callable[[Tensor], tuple[Tensor, Tensor]],
               where: slice | None = None) -> None:
        """Remake the cached latents: of all frames and goals, or of one episode just added."""
        if where is not None:
            self.latents[where] = encode(torch.from_numpy(self.images[where]))[0]
            goal = torch.from_numpy(self.goal_images[-1]).unsqueeze(0)
            self.goal_latents[-1:] = encode(goal)[0]
            return
        for chunk in torch.split(self._frames, ENCODE_CHUNK):
            self.latents[chunk] = encode(torch.from_numpy(self.images[chunk.numpy()]))[0]
        if self.goal_images:
            goals = torch.from_numpy(np.stack(self.goal_images))
            chunks = torch.split(goals, ENCODE_CHUNK)
            self.goal_latents = torch.cat([encode(chunk)[0] for chunk in chunks])

    def all_latents(self) -> Tensor:
        """Return the cached latents (frames, dim) of all pictures."""
        return self.latents[self._frames]

    def pictures(self, places: Tensor) -> Tensor:
        """Return pictures (count, H, W, 3) uint8 by their places among all, oldest first."""
        return torch.from_numpy(self.images[self._frames[places].numpy()])

    def sample_images(self, count: int, generator: torch.Generator) -> Tensor:
        """Return pictures (count, H, W, 3) uint8, drawn evenly with replacement."""
        return self.pictures(torch.randint(len(self._frames), (count,), generator=generator))

    def sample(self, count: int, generator: torch.Generator) -> Batch:
        """Return transitions drawn evenly with replacement."""
        draw = torch.randint(len(self), (count,), generator=generator)
        frame, last, number = self._transitions[draw], self._last[draw], self._number[draw]
        share = torch.rand(count, generator=generator, dtype=torch.float64)
        future = frame + 1 + (share * (last - frame)).long()
        return Batch(self.latents[frame], self.actions[frame], self.latents[frame + 1],
                     self.latents[future], self.goal_latents[number], self._goal[number])

    def state(self) -> dict[str, Tensor]:
        """Return everything, episodes in order, as tensors."""
        order = self._frames
        return {
            'images': torch.from_numpy(self.images[order.numpy()]),
            'actions': self.actions[order], 'latents': self.latents[order],
            'goal_latents': self.goal_latents.clone(),
            'goal_images': torch.from_numpy(np.stack(self.goal_images)) if self.goal_images
            else torch.zeros((0, *self.images.shape[1:]), dtype=torch.uint8),
            'episodes': torch.tensor(list(self.episodes), dtype=torch.int64).reshape(-1, 3),
            'cursor': torch.tensor(self._cursor),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Become exactly the replay that gave `state`."""
        self.episodes = deque(Episode(int(s), int(n), bool(g)) for s, n, g in state['episodes'])
        self.goal_images = deque(state['goal_images'].numpy().copy())
        self.goal_latents = state['goal_latents'].clone()
        self._cursor = int(state['cursor'])
        self._index_episodes()
        self.images[self._frames.numpy()] = state['images'].numpy()
        self.actions[self._frames] = state['actions']
        self.latents[self._frames] = state['latents']
