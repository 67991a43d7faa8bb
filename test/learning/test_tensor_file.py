"""The library reads what is written here, and what it wrote is read here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import torch as safetensors_torch

from rig_ros.learning import tensor_file
from rig_ros.learning.tensor_file import Stack

TENSORS = {
    'flag': torch.tensor([True, False, True]), 'count': torch.tensor(3),
    'bytes': torch.arange(5, dtype=torch.uint8), 'weight': torch.randn(3, 4),
    'columns': torch.randn(4, 3).T, 'wide': torch.randn(2, dtype=torch.float64),
    'none': torch.zeros(0, 4), 'half': torch.randn(3).bfloat16()}
PICTURES = torch.randint(0, 256, (7, 4, 4, 3), dtype=torch.uint8)


def in_twos():
    yield from np.split(PICTURES.numpy(), [2, 4, 6])


@pytest.fixture
def path(tmp_path):
    stacks = {'pictures': Stack((7, 4, 4, 3), in_twos),
              'no_pictures': Stack((0, 4, 4, 3), lambda: iter(()))}
    tensor_file.save(tmp_path / 'f', TENSORS, stacks, {'values': 'x'})
    return tmp_path / 'f'


def test_the_library_reads_it(path):
    read = safetensors_torch.load_file(path)
    assert read.keys() == {*TENSORS, 'pictures', 'no_pictures'}
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())
    assert torch.equal(read['pictures'], PICTURES)


def test_what_the_library_wrote_is_read(tmp_path):
    safetensors_torch.save_file({'weight': TENSORS['weight'], 'pictures': PICTURES},
                                tmp_path / 'f', {'values': 'x'})
    tensors, stacks, metadata = tensor_file.load(tmp_path / 'f')
    assert metadata == {'values': 'x'}
    assert torch.equal(tensors['weight'], TENSORS['weight'])
    np.testing.assert_array_equal(np.concatenate(list(stacks['pictures'].parts())), PICTURES)


def test_pictures_come_part_by_part_each_time_anew_also_from_a_replaced_file(path, monkeypatch):
    monkeypatch.setattr(tensor_file, 'PART_BYTES', 100)
    stack = tensor_file.load(path)[1]['pictures']
    path.unlink()
    for _ in range(2):
        parts = list(stack.parts())
        assert [len(part) for part in parts] == [2, 2, 2, 1]
        np.testing.assert_array_equal(np.concatenate(parts), PICTURES)
