"""What the page may ask for: a table of commands, each of which needs control but the e-stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rig_ros.console.bridge import Graph
from rig_ros.errors import ConfigError

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
        'goal_imagine': Command(service(graph, 'goal/imagine', 10.0)),
    }


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
