"""`rig_ros inspect`: what recordings hold, as tables and as one picture; or a model's manifest."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rig_ros.episodes.inspection import EpisodeFigures, Survey

app = typer.Typer(add_completion=False)
console = Console(highlight=False, soft_wrap=True)
SHEET = 'contact_sheet.png'
SHOWN_EPISODES = 30
BLOCKS = ' ▁▂▃▄▅▆▇█'


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(
        help='An episode (folder or .mcap), a folder of episodes, a run, or a .safetensors '
             'model.')],
    task: Annotated[str, typer.Option(
        help='For recordings that do not name their task.')] = '',
    sheet: Annotated[Path | None, typer.Option(
        help=f'Where to write the contact sheet; {SHEET} beside the recordings if not '
             'given.')] = None,
    json_file: Annotated[Path | None, typer.Option(
        '--json', help='Write the figures here.')] = None,
    html: Annotated[Path | None, typer.Option(
        help='Folder that gets everything as one page, report.html.')] = None,
) -> None:
    """Say what an episode, a folder of episodes, a run or a model holds."""
    from rig_ros.evaluation.report import write_json

    if path.suffix == '.safetensors':
        figures = show_model(path)
    else:
        from rig_ros.episodes.inspection import survey

        found = survey(path, task)
        if len(found.episodes) == 1:
            show_episode(found.episodes[0])
        elif found.episodes:
            show_episodes(found)
        show_problems(found)
        show_spread(found)
        if html is not None:
            console.print(f'page: {write_page(found, html, path.name)}')
        write_sheet(found, sheet or (path if path.is_dir() else path.parent) / SHEET)
        figures = found.as_json()
    if json_file is not None:
        write_json(json_file, figures)


def show_model(path: Path) -> dict[str, object]:
    """Print a bundle's manifest and return it."""
    from rig_ros.learning import bundle_file

    manifest = bundle_file.read_manifest(bundle_file.read_content(path), str(path))
    values = dataclasses.asdict(manifest)
    grid = Table.grid(padding=(0, 2))
    for key, value in values.items():
        grid.add_row(key, escape(str(value)))
    console.print(grid)
    return values


def show_episode(episode: EpisodeFigures) -> None:
    """Print one episode: its facts, its topics, and what is no experience."""
    console.print(f'{episode.path}\n{episode.mode or "unknown mode"}, task {episode.task}, '
                  f'{ending(episode)}, {episode.duration_s:.1f} s, {episode.bytes / 1024:.0f} KiB')
    topics = Table('topic', 'type', 'messages', 'rate [Hz]', 'gaps', 'longest gap [s]')
    for topic in episode.topics:
        topics.add_row(topic.topic, topic.type.rpartition('/')[2], str(topic.count),
                       f'{topic.rate_hz:.1f}' if topic.rate_hz else '', str(topic.gaps or ''),
                       f'{topic.longest_gap_s:.3f}' if topic.count > 1 else '')
    console.print(topics)
    console.print(f'{episode.steps} transitions in {episode.segments} unbroken stretches, '
                  f'{"with" if episode.has_goal else "without"} a goal picture')
    for reason, count in episode.dropped.items():
        console.print(f'  left out: {count} x {reason}')
    for finding in episode.findings:
        console.print(f'  while recording: {finding}')


def ending(episode: EpisodeFigures) -> str:
    """Return how an episode ended, with the reason."""
    return episode.outcome + (f' ({episode.reason})' if episode.reason else '')


def show_episodes(found: Survey) -> None:
    """Print a row per episode (the newest ones) and the sums."""
    episodes = Table('recording', 'mode', 'ended', 'steps', 'stretches', 'seconds', 'KiB',
                     'picture rate [Hz]', 'left out')
    hidden = len(found.episodes) - SHOWN_EPISODES
    for episode in found.episodes[-SHOWN_EPISODES:]:
        rate = next((t.rate_hz for t in episode.topics
                     if t.topic.endswith('/camera/image')), 0.0)
        episodes.add_row(episode.path.stem, episode.mode, ending(episode), str(episode.steps),
                         str(episode.segments), f'{episode.duration_s:.1f}',
                         f'{episode.bytes / 1024:.0f}', f'{rate:.1f}',
                         str(sum(episode.dropped.values()) or ''))
    console.print(episodes)
    if hidden > 0:
        console.print(f'and {hidden} earlier episodes')
    console.print(f'{len(found.episodes)} episodes, {sum(e.steps for e in found.episodes)} '
                  f'transitions, {sum(e.bytes for e in found.episodes) / 1024**2:.1f} MiB')


def show_spread(found: Survey) -> None:
    """Print how actions and latents spread, a line of bars per component."""
    from rig_ros.episodes.inspection import action_histograms, latent_histograms

    for title, group in (('action', action_histograms(found.episodes)),
                         ('latent', latent_histograms(found.episodes))):
        for number, histogram in enumerate(group):
            console.print(f'{title} {number:2d}  {histogram.low:6.2f} {bars(histogram.counts)} '
                          f'{histogram.high:.2f}  mean {histogram.mean:.2f}, '
                          f'std {histogram.std:.2f}')


def bars(counts: Sequence[int]) -> str:
    """Return counts as a line of block characters; a count above 0 always shows."""
    top = max(counts, default=0) or 1
    return ''.join(BLOCKS[math.ceil(count / top * (len(BLOCKS) - 1))] for count in counts)


def write_page(found: Survey, folder: Path, title: str) -> Path:
    """Write the survey as one self-contained page; return its path."""
    from rig_ros.episodes import inspection
    from rig_ros.evaluation import pictures, plots
    from rig_ros.evaluation.report import Figure, Table, write_report

    figures = []
    if any(episode.pictures for episode in found.episodes):
        figures.append(Figure('Pictures', pictures.png(inspection.contact_sheet(found.episodes)),
                              'a row per episode: goal (black: none), then first to last'))
    for name, group in (('Executed actions', inspection.action_histograms(found.episodes)),
                        ('Latent means', inspection.latent_histograms(found.episodes))):
        if group:
            figures.append(Figure(name, plots.bars(
                {str(i): h.counts for i, h in enumerate(group)}, group[0].low, group[0].high,
                name.lower()), 'one line per component'))
    rows = tuple((e.path.stem, e.mode, ending(e), e.steps, e.segments, f'{e.duration_s:.1f}',
                  sum(t.gaps for t in e.topics), sum(e.dropped.values()))
                 for e in found.episodes)
    topics = tuple((e.path.stem, t.topic, t.count, f'{t.rate_hz:.1f}', t.gaps,
                    f'{t.longest_gap_s:.3f}') for e in found.episodes for t in e.topics)
    reasons = Counter[str]()
    for episode in found.episodes:
        reasons.update(episode.dropped)
    problems = [*found.damaged.items(), *((str(p), 'not finished') for p in found.unfinished)]
    tables = [
        Table('Recordings', ('recording', 'mode', 'ended', 'steps', 'stretches', 'seconds',
                             'gaps', 'left out'), rows),
        Table('Left out of the transitions', ('why', 'count'), tuple(reasons.items())),
        Table('Cannot be read', ('recording', 'why'), tuple(problems)),
        Table('Topics', ('recording', 'topic', 'messages', 'rate [Hz]', 'gaps',
                         'longest gap [s]'), topics)]
    summary = {'recordings': len(found.episodes), 'steps': sum(e.steps for e in found.episodes),
               'duration_s': sum(e.duration_s for e in found.episodes)}
    return write_report(folder, f'Recordings: {title}', summary, figures,
                        [table for table in tables if table.rows])


def show_problems(found: Survey) -> None:
    """Print what could not be read and what to do."""
    for reason in found.damaged.values():
        console.print(f'damaged: {reason}')
    for part in found.unfinished:
        console.print(f'unfinished: {part}; run `rig_ros recover {part.parent}` unless it is '
                      'being recorded now')


def write_sheet(found: Survey, target: Path) -> None:
    """Write goal and pictures of the episodes as one picture, if there are any."""
    from rig_ros.episodes.inspection import contact_sheet
    from rig_ros.vision.image import write_picture

    if any(episode.pictures for episode in found.episodes):
        write_picture(target, contact_sheet(found.episodes))
        console.print(f'pictures (goal, then first to last): {target}')
