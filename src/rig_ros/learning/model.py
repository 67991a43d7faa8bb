"""A loaded model that acts: encode, decode, act, imagine. Numpy in and out; not for training.

One thread, since a control cycle has a few milliseconds and the networks are small; `encode` and
`act` run in numpy where `learning.inference` knows the networks, else in torch. Images are uint8
(height, width, 3) RGB; latents float32 (latent_dim,); actions float32 in [-1, 1]. The policy sees
latents exactly as `encode` returns them: any scaling belongs to its weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rig_ros.errors import DataError, ModelMismatch
from rig_ros.learning import inference
from rig_ros.learning.bundle_file import FETCH_AGAIN
from rig_ros.learning.execution import Execution
from rig_ros.learning.manifest import Manifest

GOAL_LATENTS = 'goals.latents'

FloatArray = NDArray[np.float32]
ImageArray = NDArray[np.uint8]


@contextmanager
def _inference() -> Iterator[None]:
    """One thread and no gradients inside; the caller's thread count afterwards."""
    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


class Bundle:
    """A verified model: encode, decode, act, imagine. Not for training."""

    def __init__(self, manifest: Manifest, bundle_id: str, vae: nn.Module, policy: nn.Module,
                 extra: Mapping[str, torch.Tensor] | None = None) -> None:
        """Take ownership of the networks and put them in inference mode.

        Args:
            manifest: verified facts.
            bundle_id: sha256 hex of the file's bytes.
            vae: a `learning.vae.Representation`.
            policy: maps (latent, goal) to actions, each with a batch axis.
            extra: further tensors of the file, as `<module>.<name>`; `goals.latents` (N, dim)
                holds the latents that imagined goals are drawn from.
        """
        self.manifest = manifest
        self.bundle_id = bundle_id
        self.extra = dict(extra or {})
        self._vae: Any = vae.eval().requires_grad_(False)
        self._policy: Any = policy.eval().requires_grad_(False)
        self._visited = _visited_goals(self.extra, manifest.latent_dim)
        self._picture_shape = (manifest.image_size, manifest.image_size, 3)
        self._encode = inference.encoder(self._vae) or self._encode_in_torch
        self._act = inference.actor(self._policy) or self._act_in_torch
        objects = manifest.architecture.get('vae', {}).get('objects', {})
        self._execution = Execution(manifest.smoothing,
                                    objects['count'] if objects.get('one_at_a_time') else 0,
                                    manifest.arrival)

    def smoke_test(self) -> None:
        """Run every function once on a grey picture.

        Raises:
            ModelMismatch: a result has the wrong shape or is not finite.
        """
        m = self.manifest
        grey = np.full((m.image_size, m.image_size, 3), 127, np.uint8)
        try:
            mean, log_variance = self.encode(grey)
            picture = self.decode(mean)
            action = self.act(mean, mean)
            self.begin()
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelMismatch(f'bundle {self.bundle_id[:12]}: does not run ({error}); use the '
                                'rig_ros release that wrote it') from error
        for name, value, shape in (('mean', mean, (m.latent_dim,)),
                                   ('log_variance', log_variance, (m.latent_dim,)),
                                   ('picture', picture, grey.shape),
                                   ('action', action, (len(m.action_axes),))):
            if value.shape != shape or not np.isfinite(value).all():
                raise ModelMismatch(
                    f'bundle {self.bundle_id[:12]}: {name} of a grey picture got {value!r}, '
                    f'allowed: finite, shape {shape}; go back to an earlier bundle')

    def encode(self, image_hwc_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean and log-variance of a picture's latent, shape (latent_dim,) each.

        Raises:
            DataError: the picture has another size or type than the model's.
        """
        if image_hwc_u8.shape != self._picture_shape or image_hwc_u8.dtype != np.uint8:
            raise DataError(f'picture: got {image_hwc_u8.dtype} {image_hwc_u8.shape}, allowed: '
                            f'uint8 {self._picture_shape}; crop and resize it first')
        return self._encode(image_hwc_u8)

    def _encode_in_torch(self, image_hwc_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        with _inference():
            mean, log_variance = self._vae.encode(torch.from_numpy(image_hwc_u8.copy())[None])
            return _row(mean), _row(log_variance)

    def decode(self, latent: FloatArray) -> ImageArray:
        """Return the picture of a latent, uint8 (height, width, 3)."""
        with _inference():
            pictures = self._vae.decode(torch.from_numpy(self._latent(latent, 'latent'))[None])
            return np.array(pictures[0].numpy(), dtype=np.uint8)

    def begin(self) -> None:
        """An episode begins: what actions depend on beside latent and goal begins anew."""
        self._execution.begin()

    def act(self, latent: FloatArray, goal: FloatArray) -> FloatArray:
        """Return the deterministic action for a latent and a goal, (n,) in [-1, 1].

        It depends on the steps since `begin`, too: a share of the action before is in the next
        (`Manifest.smoothing`), and where the model has learnt to move one object at a time, a
        goal of several is pursued by turns. Near the goal nothing is added to that share
        (`Manifest.arrival`).
        """
        latent, goal = self._latent(latent, 'latent'), self._latent(goal, 'goal')
        return self._execution.act(self._act, latent, goal)

    def _act_in_torch(self, latent: FloatArray, goal: FloatArray) -> FloatArray:
        with _inference():
            return _row(self._policy(*(torch.from_numpy(z)[None] for z in (latent, goal))))

    def imagine(self, rng: np.random.Generator) -> FloatArray:
        """Draw a goal latent: one that was visited if the model keeps such, else of its prior."""
        if self._visited is not None:
            goal: FloatArray = self._visited[int(rng.integers(len(self._visited)))].copy()
            return goal
        mean = np.asarray(self.manifest.goal_prior_mean, np.float32)
        std = np.asarray(self.manifest.goal_prior_std, np.float32)
        return mean + std * rng.standard_normal(mean.shape).astype(np.float32)

    def _latent(self, latent: FloatArray, name: str) -> FloatArray:
        array = np.asarray(latent, np.float32)
        if array.shape != (self.manifest.latent_dim,) or not np.isfinite(array).all():
            raise DataError(f'{name}: got {array!r}, allowed: {self.manifest.latent_dim} finite '
                            'values; encode it with this bundle')
        return array


def _visited_goals(extra: Mapping[str, torch.Tensor], latent_dim: int) -> FloatArray | None:
    """Return the latents (N, dim) imagined goals are drawn from, if the model keeps any.

    Raises:
        ModelMismatch: they are not of this model's latent space.
    """
    latents = extra.get(GOAL_LATENTS)
    if latents is None:
        return None
    if latents.ndim != 2 or len(latents) == 0 or latents.shape[1] != latent_dim:
        raise ModelMismatch(f'{GOAL_LATENTS}: got shape {tuple(latents.shape)}, allowed: '
                            f'(1 or more, {latent_dim}); {FETCH_AGAIN}')
    return np.array(latents.numpy(), dtype=np.float32)


def _row(batch: torch.Tensor) -> FloatArray:
    return np.array(batch[0].numpy(), dtype=np.float32)
