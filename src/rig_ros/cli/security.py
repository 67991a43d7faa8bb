"""`rig_ros security`: the policy for SROS 2, made from the table of topics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def security(
    out: Annotated[Path, typer.Argument(help='File to write, for example policy.xml.')],
    namespace: Annotated[str, typer.Option(help='That the graph is started with.')] = '',
) -> None:
    """Write who may publish, listen, call and answer; `ros2 security` makes keys from it."""
    from rig_ros.ros import security as rights

    out.write_text(rights.policy(namespace), encoding='utf-8')
    console.print(f'{out}: {len(rights.PROCESSES)} enclaves. Keys and signed permissions '
                  f'(needs ROS with sros2):\n  ros2 security generate_artifacts -k rig_keys -p '
                  f'{out}')
