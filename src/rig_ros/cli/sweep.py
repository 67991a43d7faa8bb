"""`rig_ros sweep`: recipes times seeds, on Ray or one after another; resumable."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rig_ros.cli.train import run_directory

if TYPE_CHECKING:
    from rig_ros.evaluation.sweep import Job

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)
REFRESH_S = 1.0

Local = Annotated[bool, typer.Option(
    '--local', help='Without Ray: child processes of this one, --jobs at a time.')]
Jobs = Annotated[int, typer.Option(min=1, help='Runs at a time with --local.')]
Address = Annotated[str, typer.Option(
    help='Of a Ray cluster, for example auto; all share the folder. Else here only.')]
RunName = Annotated[str, typer.Option(
    help="Name below runs/, or a path; the file's name if not given.")]


@app.command()
def sweep(
    file: Annotated[str, typer.Argument(help='A sweep of config/sweeps, or a YAML file.')],
    run: RunName = '', local: Local = False, jobs: Jobs = 1, address: Address = '',
) -> None:
    """Run recipes times seeds; the same command again goes on where it stopped."""
    from rig_ros.evaluation import sweep as sweeps

    config, source = sweeps.load(file)
    directory = run_directory(run or source.stem)
    failed = run_all(sweeps.prepare(config, source, directory), local, jobs, address)
    console.print(f'report  rig_ros report {directory}')
    if failed:
        raise typer.Exit(1)


def run_all(plan: Sequence[Job], local: bool, jobs: int, address: str) -> list[Job]:
    """Do every run that is not finished, show how far all are, and return those that failed.

    Raises:
        ConfigError: Ray is wanted and not installed.
    """
    from rig_ros.evaluation import sweep as sweeps

    todo = [job for job in plan if job.state != 'finished']
    console.print(f'{len(plan)} runs, {len(plan) - len(todo)} of them finished before')
    failed = []
    bars = Progress(TextColumn('{task.description:<32}'), BarColumn(), MofNCompleteColumn(),
                    TimeElapsedColumn(), TextColumn('{task.fields[state]}'), console=console)
    with bars:
        lines = {job.name: bars.add_task(job.name, total=job.steps, state='', start=False)
                 for job in todo}
        all_of_them = bars.add_task('[bold]runs', total=len(todo), state='')
        for finished in _finishing(todo, local, jobs, address):
            for job in todo:
                if done := job.done_steps():
                    bars.start_task(lines[job.name])
                    bars.update(lines[job.name], completed=done)
            for job, status in finished:
                bars.update(lines[job.name], state='' if status == 0 else f'[red]exit {status}')
                bars.stop_task(lines[job.name])
                bars.advance(all_of_them)
                if status != 0:
                    failed.append(job)
                    why = sweeps.last_words(job.log)
                    bars.console.print(f'{job.name} failed: {why} ({job.log})', markup=False)
                elif not console.is_terminal:
                    bars.console.print(f'{job.name} finished')
    return failed


def _finishing(todo: Sequence[Job], local: bool, jobs: int,
               address: str) -> Iterator[list[tuple[Job, int]]]:
    """Start everything and give what has finished, (run, exit status), about once a second."""
    if todo and not local:
        from rig_ros.cli.sweep_ray import finishing
        yield from finishing(todo, address, REFRESH_S)
        return
    from rig_ros.evaluation.sweep import start, stop

    waiting = list(todo)
    running: dict[str, tuple[Job, subprocess.Popen[bytes]]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                job = waiting.pop(0)
                running[job.name] = job, start(job)
            with contextlib.suppress(subprocess.TimeoutExpired):
                next(iter(running.values()))[1].wait(REFRESH_S)
            ended = [job for job, process in running.values() if process.poll() is not None]
            yield [(job, running.pop(job.name)[1].returncode) for job in ended]
    finally:
        for _, process in running.values():
            stop(process)
