"""What makes updates of small networks fast: flat buffers, cheap steps, products in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from rig_ros.learning.compiler import missing_to_compile, multiplies_bf16
from rig_ros.settings import require

Device = Literal['cpu', 'cuda', 'auto']
Arguments = ParamSpec('Arguments')
Result = TypeVar('Result')
THIN = 64
"""Rounding a matrix with fewer rows or columns than this takes longer than it saves."""
MULTIPLIES_BF16 = multiplies_bf16()
_rounded = False
"""What `matmul_precision` set: what code being compiled may read."""


@contextmanager
def matmul_precision(precision: Literal['fp32', 'bf16']) -> Iterator[None]:
    """Inside, round what enters products of float32 matrices to bfloat16, or do not.

    Sums stay float32, and so do products of thin matrices. A processor that cannot do it faster
    does it in float32.
    """
    global _rounded
    before, torch_before = _rounded, torch.get_float32_matmul_precision()
    _rounded = precision == 'bf16'
    torch.set_float32_matmul_precision('medium' if _rounded else 'highest')
    try:
        yield
    finally:
        _rounded = before
        torch.set_float32_matmul_precision(torch_before)


def auto_compiles(device: torch.device, processes: int) -> bool:
    """Return whether `td3.compile: auto` compiles, where nothing is `missing_to_compile`."""
    return device.type == 'cpu' and processes == 1


def compiled(function: Callable[Arguments, Result], device: torch.device,
             ) -> Callable[Arguments, Result]:
    """Return the function compiled for the shapes it is called with, at its first call.

    On a processor what calls the parts is C++ as well: a cycle of small networks has a hundred.

    Raises:
        ConfigError: something is `missing_to_compile`.
    """
    missing = missing_to_compile()
    require(not missing, 'td3.compile', True, f'auto or false without {missing}')
    return torch.compile(function, dynamic=False,
                         options={'cpp_wrapper': True} if device.type == 'cpu' else None)


def device_of(name: Device) -> torch.device:
    """Return where networks are to be; `auto` is a GPU if there is one.

    Raises:
        ConfigError: a GPU is wanted and there is none that torch can use.
    """
    there = torch.cuda.is_available()
    require(there or name != 'cuda', 'device', name, "'cpu' or 'auto': torch "
            f'{torch.__version__} finds no GPU here')
    return torch.device('cuda' if there and name != 'cpu' else 'cpu')


def flatten(module: nn.Module) -> nn.Parameter:
    """Move a module's parameters into one buffer, and their gradients into another.

    The module keeps its parameters, which become views: what changes the one changes the other.
    An optimiser's step or a moving average is then one operation instead of one per layer.

    Returns:
        The buffer; its `.grad` is the other one.
    """
    parameters = list(module.parameters())
    sizes = [parameter.numel() for parameter in parameters]
    flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
    flat.grad = torch.zeros_like(flat)
    for parameter, value, grad in zip(parameters, torch.split(flat.detach(), sizes),
                                      torch.split(flat.grad, sizes)):
        parameter.data = value.view_as(parameter)
        if parameter.requires_grad:
            parameter.grad = grad.view_as(parameter)
    return flat


def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the products (M, i, k) of M matrices (i, j) and (j, k)."""
    thick = min(*a.shape[1:], b.shape[2]) >= THIN
    if torch.compiler.is_compiling():
        # Rounding becomes part of the operations around it; the product is rounded too.
        rounds = _rounded and thick and (a.is_cuda or MULTIPLIES_BF16)
        result = (torch.bmm(a.bfloat16(), b.bfloat16()).float() if rounds
                  else torch.bmm(a, b))
        return result if out is None else out.copy_(result)
    if thick or not _rounded:
        return torch.bmm(a, b, out=out)
    with matmul_precision('fp32'):
        return torch.bmm(a, b, out=out)


def start_threads() -> None:
    """Start the threads that help this one, before anything else does.

    They keep for good what the processor was told when they began: to take numbers below 1e-38
    for 0. `without_denormals` reaches the calling thread only.
    """
    with without_denormals():
        torch.ones(1 << 20).mul_(2.0)  # large enough to be shared


@contextmanager
def without_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0 inside; a decorator as well.

    The moments of units that went dead decay into such numbers, which take 100 times as long. The
    processor is put back afterwards: other code of this thread may count on them.
    """
    before = bool(torch.full((1,), 1e-40).mul(1.0).item() == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


class FlatAdam(torch.optim.Adam):
    """Adam on one buffer, whose gradient is always there."""

    def __init__(self, flat: nn.Parameter, learning_rate: float) -> None:
        super().__init__([flat], learning_rate, fused=True)
        self._buffer = flat
        self.state[flat] = {'step': torch.zeros((), device=flat.device),
                            'exp_avg': torch.zeros_like(flat, requires_grad=False),
                            'exp_avg_sq': torch.zeros_like(flat, requires_grad=False)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take moments over into the tensors there are: recorded steps write to those."""
        before = dict(self.state[self._buffer])
        super().load_state_dict(state_dict)
        after = self.state[self._buffer]
        for name, tensor in before.items():
            after[name] = tensor.copy_(after[name]) if name in after else tensor.zero_()

    @property
    def gradient(self) -> Tensor:
        """The buffer's gradient."""
        assert self._buffer.grad is not None
        return self._buffer.grad

    @torch.no_grad()
    def advance(self) -> None:
        """Do what `step` does, without its bookkeeping, which costs more than small networks."""
        state, group = self.state[self._buffer], self.param_groups[0]
        if torch.compiler.is_compiling() and not self._buffer.is_cuda:
            self._advance_compiled(state['step'], state['exp_avg'], state['exp_avg_sq'])
            return
        adam([self._buffer], [self.gradient], [state['exp_avg']], [state['exp_avg_sq']], [],
             [state['step']], fused=True, amsgrad=False, maximize=False, lr=group['lr'],
             beta1=group['betas'][0], beta2=group['betas'][1], eps=group['eps'],
             weight_decay=group['weight_decay'])

    def _advance_compiled(self, step: Tensor, mean: Tensor, square: Tensor) -> None:
        """Do it by plain operations, which a compiler makes one of: it stops at torch's own."""
        group, gradient = self.param_groups[0], self.gradient
        mean_decay, square_decay = group['betas']
        step.add_(1)
        mean.lerp_(gradient, 1 - mean_decay)
        square.mul_(square_decay).addcmul_(gradient, gradient, value=1 - square_decay)
        root = (square / (1 - square_decay ** step)).sqrt() + group['eps']
        self._buffer.sub_(group['lr'] / (1 - mean_decay ** step) * mean / root)
