"""`rig_ros call`: what `ros2 service call` does for this package's services, without ROS's CLI."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.settings import require

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)
ANSWER_S = 120.0
"""Patience for the answer [s]: an arm that goes home takes its time."""
NAMES = '  \n'.join(f'{name}: {meaning}' for name, (_, meaning) in topics.SERVICES.items())


@app.command(help='Call a service of a running graph, as a person does: start and stop episodes, '
                  f'trip and clear the e-stop, enable the arm.\n\n{NAMES}')
def call(service: Annotated[str, typer.Argument(help='One of those above.')],
         namespace: Annotated[str, typer.Option(help='That the graph was started with.')] = '',
         timeout: Annotated[float, typer.Option(help='How long to wait for the graph [s].')]
         = 10.0) -> None:
    """Call one service and print its answer; a refusal is an error with the node's reason."""
    require(service in topics.SERVICES, 'service', service, f'one of {sorted(topics.SERVICES)}')
    with GraphClient(namespace=namespace) as graph:
        console.print(graph.call(service, timeout, ANSWER_S) or 'done')
