"""The learner's complete state as one object and one file: safetensors, never pickle.

What restores from it goes on exactly as if it had never stopped: weights, optimisers, replay,
counters, random generators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from rig_ros.errors import DataError
from rig_ros.learning import tensor_file
from rig_ros.learning.tensor_file import Stack

FORMAT_VERSION = 1
T = TypeVar('T')


class TrainingState(NamedTuple):
    """Everything; tensor names are dotted paths such as `vae.encoder.0.weight`."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    """What JSON holds: counters, configuration, the numpy generator."""
    pictures: Mapping[str, Stack] = {}
    """The replay's, which may be more than memory holds."""

    def save(self, path: Path) -> None:
        """Write one file; a reader sees the old one or the whole new one."""
        values = json.dumps({'format_version': FORMAT_VERSION, **self.values}, sort_keys=True)
        tensor_file.save(path, self.tensors, self.pictures, {'values': values})

    @staticmethod
    def load(path: Path) -> TrainingState:
        """Read a file that `save` wrote.

        Raises:
            DataError: missing, truncated, or of another format.
        """
        try:
            tensors, pictures, metadata = tensor_file.load(path)
            values = json.loads(metadata['values'])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DataError(f'{path}: is not a whole training state ({error}); start the '
                            'training again, or take an earlier file') from error
        version = values.pop('format_version', None)
        if version != FORMAT_VERSION:
            raise DataError(f'{path}: format version got {version!r}, allowed: {FORMAT_VERSION}; '
                            'use the release that wrote it')
        return TrainingState(tensors, values, pictures)


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the tensors under `<prefix>.<name>`."""
    return {f'{prefix}.{name}': tensor.detach().cpu().clone() for name, tensor in tensors.items()}


def under(prefix: str, named: Mapping[str, T]) -> dict[str, T]:
    """Return what is named `<prefix>.<name>`, by name."""
    start = f'{prefix}.'
    return {name[len(start):]: t for name, t in named.items() if name.startswith(start)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an Adam's moments and step counts as `<parameter number>.<name>`."""
    state = optimiser.state_dict()['state']
    return {f'{number}.{name}': value for number, entry in state.items()
            for name, value in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser the moments that `optimiser_tensors` returned."""
    parameters = [p for group in optimiser.param_groups for p in group['params']]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition('.')
        # A file keeps shapes, not memory layouts; fused Adam needs the layout of its parameter.
        moment = name != 'step'
        restored = torch.empty_like(parameters[int(number)].detach()) if moment else value.clone()
        state.setdefault(int(number), {})[name] = restored.copy_(value)
    optimiser.load_state_dict({'state': state,
                               'param_groups': optimiser.state_dict()['param_groups']})


def generator_values(rng: np.random.Generator) -> dict[str, Any]:
    """Return a numpy generator's state as JSON values."""
    return dict(rng.bit_generator.state)
