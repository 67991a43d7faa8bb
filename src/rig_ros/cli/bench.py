"""`rig_ros bench`: what this machine can do, measured on the code that training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rig_ros.cli.train import DeviceName, checked_device, use_threads

app = typer.Typer(add_completion=False, no_args_is_help=True,
                  help='Measure this machine.')
console = Console(highlight=False, soft_wrap=True)

Seconds = Annotated[float, typer.Option(min=0.1, help='How long to measure [s].')]
JsonFile = Annotated[Path | None, typer.Option('--json', help='Write the figures here.')]

RECIPES = ('rig_paper', 'reach')


def _save(json_file: Path | None, figures: dict[str, Any]) -> None:
    from rig_ros.evaluation.report import write_json

    if json_file is not None:
        write_json(json_file, figures)


@app.command()
def sim(task: Annotated[str, typer.Option(help='One of config/tasks/*.yaml.')] = 'reach',
        seconds: Seconds = 10.0, json_file: JsonFile = None) -> None:
    """Control steps a second of the simulation, each with a picture, in one process."""
    from rig_ros.control import task as tasks
    from rig_ros.simulation.bench import steps_per_second

    config = tasks.load(task)
    figures = steps_per_second(config, seconds)
    size = config.image_size
    console.print(f'{config.name}: [bold]{figures["steps_per_s"]:.0f}[/] control steps/s, each '
                  f'with a {size}x{size} picture')
    _save(json_file, figures)


@app.command()
def updates(recipe: Annotated[list[str] | None, typer.Option(
                help='Recipe or YAML file; may be given several times.')] = None,
            seconds: Seconds = 5.0,
            threads: Annotated[int, typer.Option(min=1, help='Of torch, as in train.')] = 1,
            precision: Annotated[str, typer.Option(
                help="fp32 or bf16 products; the recipe's own if not given.")] = '',
            compiled: Annotated[bool, typer.Option(
                '--compile', help="With td3.compile: the recipe's own if not given.")] = False,
            device: DeviceName = 'cpu', json_file: JsonFile = None) -> None:
    """Gradient updates a second, with sampling, relabelling and targets."""
    use_threads(threads)
    from rig_ros import settings
    from rig_ros.learning import config as configs
    from rig_ros.learning.bench import updates_per_second

    where = checked_device(device)
    given = {'td3.precision': precision, 'td3.compile': compiled}
    changes = {name: value for name, value in given.items() if value}
    results: dict[str, dict[str, float]] = {}
    for name in recipe or RECIPES:
        config = settings.change(configs.load(name), changes)
        results[name] = updates_per_second(config, seconds, device=where)
        pictures = results[name]['vae_minibatches_per_s']
        console.print(f'{name}: [bold]{results[name]["updates_per_s"]:.0f}[/] policy updates/s'
                      + (f', {pictures:.0f} VAE minibatches/s' if pictures else ''))
    _save(json_file, {metric: {name: figures[metric] for name, figures in results.items()}
                      for metric in ('updates_per_s', 'vae_minibatches_per_s')})


@app.command()
def replay(frames: Annotated[int, typer.Option(min=100, help='Pictures to hold.')] = 500_000,
           recipe: Annotated[str, typer.Option(help='Recipe or YAML file.')] = 'reach',
           storage: Annotated[str, typer.Option(help='auto, memory or file.')] = 'auto',
           seconds: Seconds = 5.0,
           out: Annotated[Path, typer.Option(help='Folder on a disk with room for twice as much.')]
           = Path('runs/bench_replay'), json_file: JsonFile = None) -> None:
    """A full replay: the memory it takes, drawing from it, saving and restoring it."""
    use_threads(1)
    from rig_ros import settings
    from rig_ros.learning import config as configs
    from rig_ros.learning.bench import large_replay

    config = settings.change(configs.load(recipe),
                             {'replay_frames': frames, 'replay_storage': storage})
    out.mkdir(parents=True, exist_ok=True)
    figures = large_replay(config, out, seconds)
    console.print(
        f'{figures["frames"]:.0f} pictures, {figures["pictures_gb"]:.1f} GB: at most [bold]'
        f'{figures["peak_gb"]:.2f} GB[/] of memory; filled and encoded in {figures["fill_s"]:.0f} '
        f's, {figures["pictures_per_s"]:.0f} pictures/s drawn, {figures["updates_per_s"]:.0f} '
        f'policy updates/s; saved in {figures["save_s"]:.0f} s, restored in '
        f'{figures["restore_s"]:.0f} s: {"the same" if figures["restored"] else "NOT THE SAME"}')
    _save(json_file, figures)


@app.command()
def latency(hz: Annotated[float, typer.Option(min=1.0, max=60.0, help='Pictures a second.')] = 30,
            seconds: Seconds = 60.0,
            task: Annotated[str, typer.Option(help='Task with a released model.')] = 'reach',
            bundle: Annotated[str, typer.Option(help='Another model file.')] = '',
            out: Annotated[Path, typer.Option(help='Folder for recordings and logs.')]
            = Path('runs/latency'), json_file: JsonFile = None) -> None:
    """Age of a guarded command against its picture's stamp, over real processes."""
    from rig_ros.cli.latency import run

    figures = run(hz, seconds, task, bundle, out)
    console.print(f'{figures["frames"]} pictures at {hz:g} Hz: p50 [bold]{figures["p50_ms"]:.1f} '
                  f'ms[/], p99 [bold]{figures["p99_ms"]:.1f} ms[/], max {figures["max_ms"]:.1f} '
                  f'ms, lost {figures["lost"]}')
    _save(json_file, figures)


@app.command()
def command(hz: Annotated[float, typer.Option(min=20.0, max=100.0, help='Commands a second.')]
            = 100.0, seconds: Seconds = 20.0,
            out: Annotated[Path, typer.Option(help='Folder for logs.')]
            = Path('runs/bench_command'), json_file: JsonFile = None) -> None:
    """Delay from cmd_twist to the joint command at a fake robot; processor of the arm's side."""
    from rig_ros.cli.command_bench import run

    figures = run(hz, seconds, out)
    console.print(
        f'{figures["commands"]} commands at {hz:g} Hz: p50 [bold]{figures["p50_ms"]:.2f} ms[/], '
        f'p99 [bold]{figures["p99_ms"]:.2f} ms[/], max {figures["max_ms"]:.1f} ms, lost '
        f'{figures["lost"]}; side process {100 * figures["side_core"]:.1f} %, driver '
        f'{100 * figures["driver_core"]:.1f} % of a core, '
        f'{figures["joint_commands_hz"]:.0f} joint commands a second')
    _save(json_file, figures)


@app.command()
def recorder(seconds: Seconds = 60.0,
             rate_hz: Annotated[float, typer.Option(help='Steps a second.')] = 30.0,
             out: Annotated[Path, typer.Option(help='New folder for the recordings.')]
             = Path('runs/bench_recorder'), json_file: JsonFile = None) -> None:
    """Record all topics of a stand-in graph: what is lost, processor, memory, file sizes."""
    import time

    from rig_ros.cli.recorder_bench import measure

    figures = measure(out / time.strftime('%Y%m%d-%H%M%S') / 'episodes', rate_hz, seconds)
    console.print(
        f'{figures["steps"]} steps at {figures["rate_hz"]:.1f} Hz: [bold]{figures["lost"]}[/] of '
        f'{figures["sent"]} messages lost, {100 * figures["core"]:.1f} % of a core, '
        f'{figures["resident_mib"]:.0f} MiB resident, {figures["growth_mib"]:+.1f} MiB since the '
        f'warm-up, {figures["bytes_per_step"] / 1024:.1f} KiB a step')
    for finding in figures['findings']:
        console.print(f'  audit: {finding}')
    _save(json_file, figures)


@app.command()
def swap(swaps: Annotated[int, typer.Option(min=1, help='Changes of the model.')] = 20,
         task: Annotated[str, typer.Option(help='Task with a released model.')] = 'reach',
         out: Annotated[Path, typer.Option(help='Folder for recordings and logs.')]
         = Path('runs/bench_swap'), json_file: JsonFile = None) -> None:
    """Change the model between episodes: time of each node, and commands of mixed models."""
    from rig_ros.cli.swap_bench import NODES, run

    figures = run(swaps, task, out)
    for node in NODES:
        console.print(f'{node}: new model {figures[f"{node}_p50_ms"]:.1f} ms after the reset '
                      f'event (p50), p99 {figures[f"{node}_p99_ms"]:.1f}, max '
                      f'{figures[f"{node}_max_ms"]:.1f}')
    console.print(f'{figures["swaps"]} swaps in {figures["wall_s"]:.0f} s, '
                  f'[bold]{figures["mixed"]}[/] of {figures["commands"]} commands of mixed '
                  f'models, {figures["late"]} after the end of their episode, '
                  f'{figures["unproven"]} of episodes not recorded whole')
    _save(json_file, figures)
