"""Tensors in one safetensors file; stacks of pictures go through part by part.

The file is what the safetensors library reads and writes. Only the way there differs: pictures
(uint8, four dimensions) may be more than memory holds, so that neither writing nor reading has
them in one piece.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor

from rig_ros.learning.bundle_file import write_parts_atomically

PART_BYTES = 16 << 20
NAMES = {torch.float64: 'F64', torch.int64: 'I64', torch.float32: 'F32', torch.int32: 'I32',
         torch.bfloat16: 'BF16', torch.float16: 'F16', torch.uint8: 'U8', torch.bool: 'BOOL'}


class Stack(NamedTuple):
    """Pictures that are read part by part, from wherever they are."""

    shape: tuple[int, ...]
    """(count, H, W, 3)."""
    parts: Callable[[], Iterator[NDArray[np.uint8]]]
    """Gives them in order, each time from the first; valid while their source does not change."""

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape))


def save(path: Path, tensors: Mapping[str, Tensor], stacks: Mapping[str, Stack],
         metadata: Mapping[str, str]) -> None:
    """Write one file; a reader sees the old one or the whole new one."""
    header: dict[str, Any] = {'__metadata__': dict(metadata)}
    end = 0
    # Wide types first, as the library does: then all are aligned.
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    for name, tensor in ordered:
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {'dtype': NAMES[tensor.dtype], 'shape': list(tensor.shape),
                        'data_offsets': [begin, end]}
    for name, stack in stacks.items():
        begin, end = end, end + stack.size
        header[name] = {'dtype': 'U8', 'shape': list(stack.shape), 'data_offsets': [begin, end]}
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)

    def parts() -> Iterator[bytes | memoryview]:
        yield len(text).to_bytes(8, 'little') + text
        for _, tensor in ordered:
            flat = tensor.detach().contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().data
        for stack in stacks.values():
            for part in stack.parts():
                yield np.ascontiguousarray(part).data

    write_parts_atomically(path, parts())


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Stack], dict[str, str]]:
    """Return the tensors, the stacks of pictures and the metadata of a file.

    Raises:
        OSError, SafetensorError, ValueError: it is not there, or not whole.
    """
    tensors: dict[str, Tensor] = {}
    stacks: dict[str, Stack] = {}
    with safe_open(str(path), framework='pt') as file:
        for name in file.keys():  # noqa: SIM118
            view = file.get_slice(name)
            if view.get_dtype() == 'U8' and len(view.get_shape()) == 4:
                stacks[name] = _stack(path, name)
            else:
                tensors[name] = file.get_tensor(name)
        return tensors, stacks, dict(file.metadata() or {})


def _stack(path: Path, name: str) -> Stack:
    """Return pictures in a file; it stays open, so that replacing it by name does no harm."""
    stream = path.open('rb')
    start = 8 + int.from_bytes(stream.read(8), 'little')
    entry = json.loads(stream.read(start - 8))[name]
    shape = tuple(entry['shape'])
    begin, end = (start + offset for offset in entry['data_offsets'])
    picture = int(np.prod(shape[1:]))
    step = max(1, PART_BYTES // max(1, picture)) * picture

    def parts() -> Iterator[NDArray[np.uint8]]:
        for at in range(begin, end, step):
            content = os.pread(stream.fileno(), min(step, end - at), at)
            yield np.frombuffer(content, np.uint8).reshape(-1, *shape[1:])

    return Stack(shape, parts)
