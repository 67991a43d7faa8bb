"""Every `rig_ros` command in the README and in doc/: its verb and options exist and parse."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

pytest.importorskip('rclpy')
pytest.importorskip('torch')
pytest.importorskip('mujoco')
pytest.importorskip('aiohttp')

from rig_ros.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'doc').rglob('*.md'),
                *(ROOT / 'models').rglob('*.md')])
COMMAND = re.compile(r'^(?:\S*/)?(?:ros2 run rig_ros )?rig_ros (.*)$')
OPEN_END = ('...', '<', '[')
"""What stands for something the reader chooses, in a sentence."""


def commands(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield (whether it is complete, arguments) of the commands in a page.

    Lines of blocks are complete; in a sentence a verb alone is enough.
    """
    text = text.replace('\\\n', ' ')
    for line in re.findall(r'^(?:    +|)(\S.*)$', text, re.MULTILINE):
        if match := COMMAND.match(line):
            yield True, shlex.split(re.split(r'\s#|&$|; ', match[1])[0])
    for span in re.findall(r'`([^`\n]+)`', text):
        if match := COMMAND.match(span):
            words = shlex.split(match[1])
            end = next((i for i, word in enumerate(words) if word.startswith(OPEN_END)),
                       len(words))
            yield False, words[:end]


def problem(words: list[str], complete: bool) -> str:
    """Return what is wrong with a command's words, '' if nothing."""
    if not words or words[0].startswith('-'):
        return ''
    if words[0] not in main.VERBS:
        return f'no verb {words[0]!r}'
    command: Any = typer.main.get_command(main._load(words[0]).app)
    rest = words[1:]
    while rest and hasattr(command, 'commands'):
        if rest[0].startswith('-'):
            break
        if rest[0] not in command.commands:
            return f'{words[0]} has no {rest[0]!r}'
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    unknown = [w for w in rest if w.startswith('--') and w not in known | {'--help'}]
    if unknown:
        return f'no option {unknown}'
    if complete and '--help' not in rest and not hasattr(command, 'commands'):
        try:
            command.make_context('rig_ros', list(rest))
        except Exception as error:  # of typer's own click, which has no public name
            return str(error)
    return ''


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_of_a_page_exist(page: Path):
    wrong = {' '.join(words): found for complete, words in commands(page.read_text())
             if (found := problem(words, complete))}
    assert not wrong


@pytest.mark.parametrize(('line', 'what'), [
    ('rig_ros fly', 'no verb'), ('rig_ros up moon', "no 'moon'"),
    ('rig_ros up sim --wings', 'no option'), ('rig_ros train', 'Missing'),
    ('rig_ros demo --goals many', 'valid integer')])
def test_a_wrong_command_would_be_found(line: str, what: str):
    [(complete, words)] = commands(f'text\n\n    {line}\n')
    assert what in problem(words, complete)


def test_commands_are_found_in_blocks_and_sentences():
    text = ('```bash\nrig_ros doctor\n.venv/bin/rig_ros demo \\\n  --goals 3   # short\n```\n'
            'or `rig_ros up ...`')
    assert [words for _, words in commands(text)] == [
        ['doctor'], ['demo', '--goals', '3'], ['up']]
