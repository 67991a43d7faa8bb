"""`rig_ros view`: recordings, or a running graph, in Rerun; see `rerun_drawing`."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rig_ros.errors import ConfigError

if TYPE_CHECKING:
    from rig_ros.cli.rerun_drawing import Drawing

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def view(
    path: Annotated[Path | None, typer.Argument(
        help='An episode, or a folder of episodes; without it, the running graph.')] = None,
    save: Annotated[Path | None, typer.Option(
        help='Write an .rrd file instead of opening the viewer.')] = None,
    seconds: Annotated[float, typer.Option(
        min=0.1, help='Of a running graph; until Ctrl-C if not given.')] = float('inf'),
    namespace: Annotated[str, typer.Option(help='That the graph was started with.')] = '',
) -> None:
    """Show recordings or a running graph in Rerun."""
    try:
        from rig_ros.cli.rerun_drawing import Drawing, open_stream
    except ModuleNotFoundError as error:
        raise ConfigError("verb 'view': needs the Python package 'rerun', which is not installed; "
                          "pip install -e '.[view]' in a clone") from error
    stream = open_stream(save)
    drawing = Drawing(stream)
    if path is None:
        watch(drawing, namespace, seconds)
    else:
        read(drawing, path)
    stream.flush()
    console.print(f'{drawing.pictures} pictures shown' + (f'; {save}' if save else ''))


def read(drawing: Drawing, path: Path) -> None:
    """Show every recording of a path.

    Raises:
        DataError: missing or damaged; the message names `rig_ros recover`.
    """
    from rig_ros.episodes import schema
    from rig_ros.episodes.reading import find_episodes, read_messages

    for file in find_episodes(path):
        for message in read_messages(file):
            drawing.take(schema.local_name(message.topic), message.cdr)


def watch(drawing: Drawing, namespace: str, seconds: float) -> None:
    """Show a running graph until Ctrl-C or until the time is over."""
    from rig_ros.ros import topics
    from rig_ros.ros.client import SPIN_S, GraphClient

    with GraphClient('rig_ros_view', namespace) as graph:
        for topic in topics.ALL:
            if topic.name in drawing.takers:
                graph.node.create_subscription(
                    topic.type, topic.name,
                    functools.partial(drawing.take, topic.name),
                    topic.qos('live'), raw=True)
        end_s = time.monotonic() + seconds
        try:
            while time.monotonic() < end_s:
                graph.spin_for(SPIN_S)
        except KeyboardInterrupt:
            pass
