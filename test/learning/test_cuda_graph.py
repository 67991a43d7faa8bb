"""Recorded operations: on a GPU where there is one, else with a recorder that stands in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rig_ros import settings
from rig_ros.learning import config as configs
from rig_ros.learning import cuda_graph
from rig_ros.learning.bench import CHUNK, _filled_learner
from rig_ros.learning.cuda_graph import CALLS_BEFORE, CudaGraph
from rig_ros.learning.trainer import Learner


def stand_in(function: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], None]]:
    """Record as a GPU does: nothing is done yet, and each replay writes to the same result."""
    before = weight.clone()
    result = function()
    weight.copy_(before)

    def replay() -> None:
        result.copy_(function())

    return result, replay


weight = torch.zeros(3)


def add(given: torch.Tensor) -> torch.Tensor:
    """Change what is held, and return something else."""
    weight.add_(given[0])
    return given * 2


def test_a_recorded_function_does_what_it_does_without(monkeypatch):
    monkeypatch.setattr(cuda_graph, 'recorded', stand_in)
    weight.zero_()
    graph = CudaGraph(add)
    for call in range(1, CALLS_BEFORE + 4):
        given = torch.full((2, 3), float(call))
        assert torch.equal(graph(given), given * 2)
    assert weight.tolist() == [sum(range(1, CALLS_BEFORE + 4))] * 3


def test_other_shapes_are_computed_without_the_recording(monkeypatch):
    monkeypatch.setattr(cuda_graph, 'recorded', stand_in)
    weight.zero_()
    graph = CudaGraph(add)
    for _ in range(CALLS_BEFORE + 1):
        graph(torch.ones(2, 3))
    assert graph(torch.ones(5, 3)).shape == (5, 3)
    assert graph(torch.ones(2, 3)).shape == (2, 3)


def gpu_learner(recipe: str) -> Learner:
    """Return a learner on the GPU with episodes of noise."""
    config = settings.change(configs.load(recipe), {'vae.batch_size': 16})
    return _filled_learner(config, 4, device='cuda')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('recipe', ['reach', 'door', 'rig_paper'])
def test_a_gpu_learns_the_same_with_and_without_recordings(recipe):
    learners = gpu_learner(recipe), gpu_learner(recipe)
    plain = learners[1]
    plain.agent._cycle = plain.agent._learn
    for learner in learners:
        learner.train_policy(3 * CHUNK)
    for name, module in learners[0].modules.items():
        for mine, other in zip(module.state_dict().values(),
                               plain.modules[name].state_dict().values()):
            assert torch.allclose(mine, other, atol=1e-3), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_goes_on_from_a_state_although_it_recorded_before():
    learner = gpu_learner('reach')
    learner.train_policy(CHUNK)
    state = learner.state()
    ends = []
    for _ in range(2):
        learner.train_policy(CHUNK)
        ends.append([tensor.clone() for tensor in learner.agent.state_dict().values()])
        learner.restore(state)
    assert all(torch.equal(*pair) for pair in zip(*ends))
