"""Packets that the side process of the arm must refuse, or use as what they are, and survive."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

COUNT = int(os.environ.get('RIG_FUZZ', '300'))
"""How many a test sends."""


def mutated(rng: np.random.Generator) -> bytes:
    """Return a packet that is nearly right, or not at all."""
    seeds: list[dict[str, Any]] = [
        {'type': 'hello', 'proto': 1, 'role': 'commander', 'name': 'x'},
        {'type': 'twist', 'id': 9, 'sent': 0.0, 'velocity': [0.1, 0.1, 0.1]},
        {'type': 'request', 'id': 1, 'name': 'home', 'arguments': {'position': [0.6, 0, 0.1]}}]
    value = dict(seeds[rng.integers(3)])
    odd: list[Any] = [None, True, -1, 1e308, float('nan'), float('inf'), 10 ** 500, '', '\ud800',
                      [], {}, [[]], {'a': {}}, 'commander', [1, 2, 3], ['1', '2', '3'], 2 ** 63]
    kind = rng.integers(5)
    if kind == 0:
        return rng.bytes(int(rng.integers(1, 400)))
    key = list(value)[rng.integers(len(value))]
    if kind == 1:
        value.pop(key)
    elif kind == 2:
        value[key] = odd[rng.integers(len(odd))]
    elif kind == 3:
        value[str(odd[rng.integers(len(odd))])[:40]] = 1
    packet = bytearray(json.dumps(value).encode())
    if kind == 4:
        for _ in range(rng.integers(1, 6)):
            packet[rng.integers(len(packet))] = rng.integers(256)
    return bytes(packet)
