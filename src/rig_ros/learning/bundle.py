"""A trained model as one file: weights in safetensors, the manifest in its metadata.

Write with `save`, read with `load` or `loads`; never pickle. Reading verifies everything before a
`Bundle` exists: completeness, format version, task, tensors, finite weights, encoder hash.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors_torch
from torch import nn

from rig_ros import settings
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError, DataError, ModelMismatch
from rig_ros.learning.bundle_file import (
    FETCH_AGAIN,
    read_content,
    read_manifest,
    write_atomically,
)
from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.execution import Execution
from rig_ros.learning.manifest import METADATA_KEY, Manifest
from rig_ros.learning.model import Bundle
from rig_ros.learning.networks import Policy
from rig_ros.learning.object_latents import latent_dim_of
from rig_ros.learning.objects import ObjectEncoder
from rig_ros.learning.vae import ConvVAE

__all__ = ['Bundle', 'Trained', 'architecture', 'build_networks', 'describe', 'load', 'loads',
           'save', 'to_bytes']

REQUIRED_MODULES = ('vae', 'policy')

Architecture = Mapping[str, Any]
Builder = Callable[[Architecture], dict[str, nn.Module]]


def architecture(image_size: int, vae: VAEConfig, action_dim: int, hidden: Sequence[int],
                 objects: ObjectsConfig | None = None) -> dict[str, Any]:
    """Return what `build_networks` needs, as it stands in a manifest.

    Where latents are places of `objects`, these take the VAE's place.
    """
    encoder = {'image_size': image_size, 'config': dataclasses.asdict(vae)}
    policy = {'latent_dim': vae.latent_dim, 'action_dim': action_dim, 'hidden': list(hidden)}
    if objects is not None:
        encoder['objects'] = dataclasses.asdict(objects)
        policy |= {'latent_dim': latent_dim_of(objects), 'objects': objects.count}
    return {'vae': encoder, 'policy': policy}


def build_networks(architecture: Architecture) -> dict[str, nn.Module]:
    """Return untrained networks for a manifest's architecture."""
    vae = architecture['vae']
    config = settings.from_mapping(VAEConfig, vae['config'], 'architecture.vae')
    encoder: nn.Module
    if 'objects' in vae:
        objects = settings.from_mapping(ObjectsConfig, vae['objects'], 'architecture.vae.objects')
        encoder = ObjectEncoder(vae['image_size'], config, objects)
    else:
        encoder = ConvVAE(vae['image_size'], config)
    return {'vae': encoder, 'policy': Policy(**architecture['policy'])}


class Trained(Protocol):
    """What a bundle takes from a learner; `learning.trainer.Learner` is one."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """`vae`, `policy`, and more to go on from."""

    @property
    def architecture(self) -> dict[str, Any]:
        """As `architecture` returns it."""

    @property
    def execution(self) -> Execution:
        """How its policy is carried out."""

    @property
    def goal_prior(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of imagined goals."""


def describe(learner: Trained, task: TaskConfig, run: Mapping[str, Any] | None = None,
             evaluation: Mapping[str, Any] | None = None) -> Manifest:
    """Return the manifest of a learner's present weights.

    Args:
        learner: trained, or on the way.
        task: the task it learns; the size of its pictures is the learner's, not the task's.
        run: name, seed, env_steps, recipe of the training.
        evaluation: figures on held-out goals.
    """
    mean, std = learner.goal_prior
    networks = learner.architecture
    task = dataclasses.replace(task, image_size=networks['vae']['image_size'])
    vae: Any = learner.modules['vae']
    return Manifest.for_task(
        task, encoder_id=vae.encoder_id, latent_dim=len(mean), architecture=networks,
        goal_prior_mean=mean, goal_prior_std=std, smoothing=learner.execution.smoothing,
        arrival=learner.execution.arrival, run=dict(run or {}), evaluation=dict(evaluation or {}))


def to_bytes(manifest: Manifest, modules: Mapping[str, nn.Module]) -> bytes:
    """Return the content of a bundle file.

    Args:
        manifest: its facts; `encoder_id` must be that of `modules['vae']`.
        modules: at least `vae` and `policy`; more (critics) are kept for going on training.

    Raises:
        DataError: a module is missing, a weight is not finite, or the encoder id is another's.
    """
    for name in REQUIRED_MODULES:
        if name not in modules:
            raise DataError(f'bundle modules: got {sorted(modules)}, allowed: at least '
                            f'{list(REQUIRED_MODULES)}; pass the missing one')
    tensors = {f'{name}.{key}': value.detach().cpu().contiguous()
               for name, module in modules.items() for key, value in module.state_dict().items()}
    _require_finite(tensors)
    actual = modules['vae'].encoder_id
    if manifest.encoder_id != actual:
        raise DataError(f'manifest encoder_id: got {manifest.encoder_id}, allowed: {actual}; '
                        'take it from the VAE after its last update')
    return safetensors_torch.save(tensors, {METADATA_KEY: manifest.to_json()})


def save(path: Path, manifest: Manifest, modules: Mapping[str, nn.Module]) -> str:
    """Write a bundle so that a reader sees the old file or the whole new one.

    Returns:
        The bundle id: the sha256 of the file's bytes, in hex.
    """
    content = to_bytes(manifest, modules)
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def _require_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    bad = [name for name, value in tensors.items()
           if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if bad:
        raise DataError(f'bundle weights: NaN or infinite in {bad[:3]} ({len(bad)} tensors), '
                        'allowed: finite numbers; go back to an earlier checkpoint')


def load(path: Path, expect_task: str | None = None, build: Builder | None = None) -> Bundle:
    """Read and verify a bundle file; see `loads`."""
    return loads(read_content(path), expect_task, str(path), build)


def loads(content: bytes, expect_task: str | None = None, where: str = 'bundle',
          build: Builder | None = None) -> Bundle:
    """Verify a bundle file's content and return the model, ready for inference.

    Args:
        content: the whole file.
        expect_task: canonical name of the only acceptable task (`TaskConfig.name`), None for any.
        where: what to call it in messages.
        build: makes the networks from the manifest's architecture; for tests.

    Raises:
        DataError: truncated, not a bundle, not finite.
        ModelMismatch: other format version, task, tensors or encoder hash.
    """
    manifest = read_manifest(content, where)
    if expect_task is not None and manifest.task != expect_task:
        raise ModelMismatch(f'{where}: task got {manifest.task!r}, allowed: {expect_task!r}; '
                            'give a bundle of that task, or start with the task of the bundle')
    try:
        tensors = safetensors_torch.load(content)
    except SafetensorError as error:
        raise DataError(f'{where}: damaged ({error}); {FETCH_AGAIN}') from error
    _require_finite(tensors)
    try:
        modules = (build or build_networks)(manifest.architecture)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ModelMismatch(f'{where}: architecture {manifest.architecture} cannot be built '
                            f'({error!r}); use the rig_ros release that wrote it') from error
    for name in REQUIRED_MODULES:
        _fill(modules[name], name, tensors, where)
    actual = modules['vae'].encoder_id
    if actual != manifest.encoder_id:
        raise ModelMismatch(f'{where}: encoder weights hash to {actual}, allowed: '
                            f'{manifest.encoder_id} as its manifest says; {FETCH_AGAIN}')
    extra = {name: value for name, value in tensors.items()
             if name.partition('.')[0] not in REQUIRED_MODULES}
    bundle = Bundle(manifest, hashlib.sha256(content).hexdigest(), modules['vae'],
                    modules['policy'], extra)
    bundle.smoke_test()
    return bundle


def _fill(module: nn.Module, name: str, tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Load the tensors named `<name>.*`, refusing any difference in name, shape or type."""
    own = {key[len(name) + 1:]: value for key, value in tensors.items()
           if key.startswith(f'{name}.')}
    wanted = module.state_dict()
    wrong = [f'missing {name}.{key}' for key in wanted.keys() - own.keys()]
    wrong += [f'unknown {name}.{key}' for key in own.keys() - wanted.keys()]
    wrong += [f'{name}.{key} {tuple(own[key].shape)} {own[key].dtype} for '
              f'{tuple(value.shape)} {value.dtype}' for key, value in wanted.items()
              if key in own and (own[key].shape != value.shape or own[key].dtype != value.dtype)]
    if wrong:
        raise ModelMismatch(f'{where}: tensors got {sorted(wrong)[:4]} ({len(wrong)} differ), '
                            'allowed: those of the architecture in its manifest; '
                            f'{FETCH_AGAIN}')
    module.load_state_dict(own)
