"""Many small operations of a GPU, started as one.

A minibatch of a small network is some hundred operations of a few microseconds each; asking for
them one by one takes longer than doing them. A CUDA graph is the list of them, asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar('Result')
CALLS_BEFORE = 3
"""Libraries choose their algorithms and memory, and a compiler compiles, in the first calls."""


def recorded(function: Callable[[], Result]) -> tuple[Result, Callable[[], None]]:
    """Record what a function asks the GPU for, without doing it.

    Returns:
        What it returns, without meaning yet, and what does it, into the same tensors each time.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return result, graph.replay


class CudaGraph(Generic[Result]):
    """A function of tensors on a GPU, recorded at its fourth call and replayed from then on.

    What it changes beside its result (weights, moments) must stay in the same tensors, and it must
    not wait for the GPU. Its result is overwritten by the next call. Inputs of other shapes than
    the recorded ones are computed without the recording.
    """

    def __init__(self, function: Callable[..., Result]) -> None:
        self._function = function
        self._calls = 0
        self._inputs: tuple[Tensor, ...] = ()
        self._replay: tuple[Result, Callable[[], None]] | None = None

    def __call__(self, *inputs: Tensor) -> Result:
        """Return what the function does."""
        self._calls += 1
        if self._calls <= CALLS_BEFORE:
            return self._function(*inputs)
        if self._replay is None:
            self._inputs = tuple(given.clone() for given in inputs)
            self._replay = recorded(lambda: self._function(*self._inputs))
        elif any(mine.shape != given.shape for mine, given in zip(self._inputs, inputs)):
            return self._function(*inputs)
        for mine, given in zip(self._inputs, inputs):
            mine.copy_(given)
        result, replay = self._replay
        replay()
        return result
