"""The command line as a user meets it, in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rig_ros.cli import main
from rig_ros.errors import ConfigError


def rig_ros(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-m', 'rig_ros.cli.main', *arguments], cwd=folder,
                          capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_verb():
    shown = CliRunner().invoke(main.app, ['--help'])
    assert shown.exit_code == 0
    for verb in main.VERBS:
        assert f' {verb} ' in shown.output


def test_help_of_a_verb_is_the_verbs_own():
    result = rig_ros('up', 'sim', '--help')
    assert result.returncode == 0
    assert '--raw-camera' in result.stdout


def test_a_mistake_is_one_clear_line_and_exit_code_2():
    result = rig_ros('up', 'sim', '--task', 'dance')
    assert result.returncode == main.EXIT_ERROR
    assert result.stdout == ''
    assert result.stderr.count('\n') == 1
    assert "task: got 'dance', allowed: one of" in result.stderr


def test_unknown_verb_is_refused():
    result = rig_ros('fly')
    assert result.returncode == 2
    assert 'fly' in result.stderr


@pytest.mark.parametrize(('missing', 'remedy'), [
    ('torch', r"pip install -e '\.\[train\]'"), ('rclpy.node', r"pip install -e '\.\[ros\]'"),
    ('odd_package', 'pip install odd_package'), ('rig_ros.cli.doctor', 'reinstall rig_ros')])
def test_a_missing_package_is_named_with_the_extra_that_has_it(
        monkeypatch: pytest.MonkeyPatch, missing: str, remedy: str):
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f'No module named {missing!r}', name=missing)
    monkeypatch.setattr(main.importlib, 'import_module', fail)
    with pytest.raises(ConfigError, match=remedy):
        main._load('doctor')


def test_every_verb_has_its_module_with_an_app():
    for verb in main.VERBS:
        assert main._load(verb).app, verb
