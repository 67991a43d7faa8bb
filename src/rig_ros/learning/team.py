"""Processes that learn as one: data-parallel training by torch's own distributed package.

Every process holds the same learner and the same replay. The first, the leader, has the
environment or the recordings. What it tells its learner to do (take in an episode, train) it
tells the followers too, through a pipe each; then all make the same draws, each works on its
share of every minibatch, and gradients are averaged: by nccl between GPUs, by gloo on processors.
So weights stay the same in all of them, and a minibatch is the recipe's, however many there are.

`follower` is what a follower runs. All are on one machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import IO, Any

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from rig_ros.errors import HardwareError
from rig_ros.learning.arithmetic import Device, device_of
from rig_ros.learning.config import TrainConfig
from rig_ros.processes import end
from rig_ros.settings import require

PATIENCE = timedelta(seconds=120)
"""How long one process waits for another in the middle of a training."""
LEAVING_S = 20.0
MESSAGE = 'message'
LENGTH = struct.Struct('<Q')


class Team:
    """One process by itself: nothing to tell, nothing to average."""

    rank = 0
    size = 1

    def tell(self, what: str, values: Mapping[str, Any] | None = None,
             tensors: Mapping[str, Tensor] | None = None) -> None:
        """Tell the followers what the learner is about to do."""

    def share(self, minibatch: Tensor, dim: int = 0) -> Tensor:
        """Return the part of a minibatch that this process works on."""
        del dim
        return minibatch

    def average(self, tensor: Tensor) -> None:
        """Replace a tensor by its mean over the processes."""

    def average_gradients(self, optimiser: torch.optim.Optimizer) -> None:
        """Average the gradients of what an optimiser improves."""

    def same(self, tensors: Iterable[Tensor]) -> None:
        """Make tensors what they are in the leader."""

    def close(self) -> None:
        """End the followers."""


ALONE = Team()


class Member(Team):
    """One of several processes; made by each at the same time."""

    def __init__(self, rank: int, size: int, place: str, device: torch.device) -> None:
        """Meet the others.

        Args:
            rank: 0 is the leader.
            size: how many there are.
            place: a private folder of this machine where they meet; no port is opened for that.
            device: kind of the networks' device; each process has a GPU of its own.

        Raises:
            HardwareError: they do not come.
        """
        self.rank, self.size = rank, size
        os.environ.setdefault('GLOO_SOCKET_IFNAME', 'lo')  # this machine only
        store = dist.FileStore(f'{place}/store', size)  # type: ignore[attr-defined]
        if device.type == 'cuda':
            torch.cuda.set_device(rank)
        try:
            dist.init_process_group('nccl' if device.type == 'cuda' else 'gloo', store=store,
                                    rank=rank, world_size=size, timeout=PATIENCE)
        except RuntimeError as error:
            raise _gone(error) from error

    def share(self, minibatch: Tensor, dim: int = 0) -> Tensor:
        """Return the part of a minibatch that this process works on."""
        return minibatch.chunk(self.size, dim)[self.rank]

    def average(self, tensor: Tensor) -> None:
        """Replace a tensor by its mean over the processes.

        Raises:
            HardwareError: another process is gone.
        """
        try:
            dist.all_reduce(tensor)
        except RuntimeError as error:
            raise _gone(error) from error
        tensor /= self.size

    def average_gradients(self, optimiser: torch.optim.Optimizer) -> None:
        """Average the gradients of what an optimiser improves, all in one message.

        Raises:
            HardwareError: another process is gone.
        """
        gradients = [p.grad for group in optimiser.param_groups for p in group['params']
                     if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self.average(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, torch.split(flat, sizes)):
            gradient.copy_(mean.view_as(gradient))

    def same(self, tensors: Iterable[Tensor]) -> None:
        """Make tensors what they are in the leader.

        Raises:
            HardwareError: another process is gone.
        """
        try:
            for tensor in tensors:
                dist.broadcast(tensor, 0)
        except RuntimeError as error:
            raise _gone(error) from error

    def close(self) -> None:
        """Leave."""
        if dist.is_initialized():
            dist.destroy_process_group()


class Leader(Member):
    """The process that has the environment or the recordings, and starts the others."""

    def __init__(self, size: int, config: TrainConfig, action_dim: int, seed: int,
                 device: torch.device, state_dim: int = 0) -> None:
        """Start the followers and meet them; `lead` has checked that they can share the recipe.

        Args:
            size: processes, this one included.
            config: the recipe; also of the followers' learners, as all that follows.
            action_dim: number of action components.
            seed: decides weights.
            device: of the networks.
            state_dim: size of the state vectors that take the place of pictures.

        Raises:
            HardwareError: a follower does not start.
        """
        self._place = tempfile.TemporaryDirectory(prefix='rig_ros-team-')
        plan = {'size': size, 'place': self._place.name, 'config': dataclasses.asdict(config),
                'action_dim': action_dim, 'seed': seed, 'device': device.type,
                'state_dim': state_dim}
        self._followers = [subprocess.Popen(
            [sys.executable, '-m', 'rig_ros.learning.follower',
             json.dumps({**plan, 'rank': rank}), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for rank in range(1, size)]
        super().__init__(0, size, self._place.name, device)

    def tell(self, what: str, values: Mapping[str, Any] | None = None,
             tensors: Mapping[str, Tensor] | None = None) -> None:
        """Tell the followers what the learner is about to do.

        Raises:
            HardwareError: one of them is gone.
        """
        content = _packed(what, values or {}, tensors or {})
        for rank, follower in enumerate(self._followers, 1):
            assert follower.stdin is not None
            try:
                follower.stdin.write(content)
                follower.stdin.flush()
            except OSError as error:
                raise _gone(error, f'number {rank} (status {follower.poll()})') from error

    def close(self) -> None:
        """End the followers: a closed pipe is their end, too."""
        for follower in self._followers:
            assert follower.stdin is not None
            with contextlib.suppress(OSError):  # it is gone, and what was on the way to it
                follower.stdin.close()
        super().close()
        for follower in self._followers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                follower.wait(LEAVING_S)
        end(self._followers, LEAVING_S)
        self._place.cleanup()


def require_shareable(size: int, config: TrainConfig, device: torch.device) -> None:
    """Check that so many processes can train a recipe.

    Raises:
        ConfigError: they cannot.
    """
    require(size >= 1, 'processes', size, '1 or more')
    require(config.agent == 'td3' or size == 1, 'processes', size,
            f'1 with agent {config.agent!r}')
    require(config.td3.compile is not True or size == 1, 'processes', size,
            '1 with td3.compile: true')
    if device.type == 'cuda':
        gpus = torch.cuda.device_count()
        require(size <= gpus, 'processes', size, f'up to {gpus}, one for each GPU')
    pictures = config.vae.batch_size // 2 if config.vae.motion else config.vae.batch_size
    for name, count in (('td3.batch_size', config.td3.batch_size), ('vae.batch_size', pictures)):
        require(count % size == 0, 'processes', size,
                f'a divisor of {count}, so that each gets an equal share of {name}')


def _gone(error: Exception, which: str = 'one') -> HardwareError:
    return HardwareError(f'training processes: {which} of them is gone ({error}); see above what '
                         'it said, and go on from the last checkpoint (rig_ros train --resume)')


def _packed(what: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    message = torch.frombuffer(bytearray(json.dumps({'what': what, **values}).encode()),
                               dtype=torch.uint8)
    content = save({MESSAGE: message, **{k: t.contiguous() for k, t in tensors.items()}})
    return LENGTH.pack(len(content)) + content


def unpacked(pipe: IO[bytes]) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return the next message of a pipe: values, with `what`, and tensors; None at its end."""
    header = pipe.read(LENGTH.size)
    content = pipe.read(*LENGTH.unpack(header)) if len(header) == LENGTH.size else b''
    if not content:
        return None
    tensors = load(content)
    return json.loads(bytes(tensors.pop(MESSAGE).tolist())), tensors


def lead(processes: int, config: TrainConfig, action_dim: int, seed: int, device: Device,
         state_dim: int = 0) -> Team:
    """Return the team of so many processes; of one, nothing is started.

    Args:
        processes: how many; 0 takes as many as there are GPUs, one without any.
        config: the recipe.
        action_dim: number of action components.
        seed: decides weights.
        device: of the networks.
        state_dim: see `Leader`.

    Raises:
        ConfigError: they cannot share the recipe's minibatches, or there are fewer GPUs.
        HardwareError: they do not start.
    """
    where = device_of(device)
    if processes == 0:
        processes = max(1, torch.cuda.device_count()) if where.type == 'cuda' else 1
    require_shareable(processes, config, where)
    if processes == 1:
        return ALONE
    return Leader(processes, config, action_dim, seed, where, state_dim)
