"""What the page may ask for: a table of commands; most need control."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rig_ros.console.bridge import Graph
from rig_ros.console.files import Shelf
from rig_ros.control.episode_types import MODES
from rig_ros.errors import ConfigError
from rig_ros.learning.bundle_file import read_content

RESET_S = 60.0

Carry = Callable[[Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Command:
    """One thing the page can ask for."""

    carry: Carry
    """Does it with the fields of the request; its answer goes to the page as JSON."""
    needs_control: bool = True


def service(graph: Graph, name: str, timeout_s: float = 5.0) -> Carry:
    """Return what calls a service of the graph."""
    async def carry(_: Mapping[str, Any]) -> str:
        return await graph.ask('call', service=name, timeout_s=timeout_s)
    return carry


def of_graph(graph: Graph) -> dict[str, Command]:
    """Return the commands that are services of the graph."""
    return {
        'estop_trip': Command(service(graph, 'estop/trip'), needs_control=False),
        'estop_clear': Command(service(graph, 'estop/clear')),
        'start': Command(service(graph, 'episode/start')),
        'stop': Command(service(graph, 'episode/stop')),
        'reset': Command(service(graph, 'reset', RESET_S)),
        'goal_clear': Command(service(graph, 'goal/clear')),
        'mode': Command(set_mode(graph)),
    }


def set_mode(graph: Graph) -> Carry:
    """Return what changes the mode of the episode node; nothing starts by that."""
    async def carry(fields: Mapping[str, Any]) -> str:
        mode = fields.get('mode')
        if mode not in MODES:
            raise ConfigError(f'mode: got {str(mode)[:40]!r}, allowed: one of {list(MODES)}')
        await graph.ask('set', node='episode', name='mode', value=mode)
        return f'mode {mode}'
    return carry


def of_models(graph: Graph, shelf: Shelf) -> dict[str, Command]:
    """Return the commands that list models on disk and offer one to the graph."""
    async def listed(_: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [model.shown for model in await asyncio.to_thread(shelf.models)]

    async def load(fields: Mapping[str, Any]) -> str:
        model = await asyncio.to_thread(shelf.find, text_of(fields, 'bundle_id', 64))
        content = await asyncio.to_thread(read_content, model.path)
        return await graph.ask('bundle', content, 20.0, manifest=model.announcement)

    return {'models': Command(listed, needs_control=False), 'model_load': Command(load)}


def text_of(fields: Mapping[str, Any], name: str, longest: int = 200) -> str:
    """Return a text of a request.

    Raises:
        ConfigError: it is missing, not a text, or too long.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ConfigError(f'{name}: got {str(value)[:40]!r}, allowed: a text of 1 to {longest} '
                          'characters')
    return value
