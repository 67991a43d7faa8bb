"""Which way of drawing is chosen, and what is said when there is none."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from rig_ros.errors import HardwareError
from rig_ros.simulation import gl


def backends(monkeypatch: pytest.MonkeyPatch, egl: bool, osmesa: bool) -> None:
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    monkeypatch.setattr(gl, 'egl_works', lambda: egl)
    monkeypatch.setattr(gl, 'osmesa_works', lambda: osmesa)


@pytest.mark.parametrize(('egl', 'osmesa', 'chosen'), [
    (True, True, 'egl'), (False, True, 'osmesa'), (False, False, '')])
def test_egl_then_osmesa(monkeypatch: pytest.MonkeyPatch, egl: bool, osmesa: bool,
                         chosen: str) -> None:
    backends(monkeypatch, egl, osmesa)
    assert gl.choose_backend() == chosen


def test_the_user_s_choice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    backends(monkeypatch, egl=True, osmesa=True)
    monkeypatch.setenv('MUJOCO_GL', 'osmesa')
    assert gl.choose_backend() == 'osmesa'


def test_no_backend_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MUJOCO_GL', 'egl')

    def broken(name: str) -> None:
        raise ImportError(f'no {name}')

    monkeypatch.setattr(gl.importlib, 'import_module', broken)
    with pytest.raises(HardwareError, match='libegl1.*libosmesa6.*apt-get install'):
        gl.open_context(8, 8)


def test_importing_the_package_does_not_load_mujoco() -> None:
    code = ("import os, sys, rig_ros.simulation; "
            "assert 'mujoco' not in sys.modules; print(os.environ.get('MUJOCO_GL'))")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ('egl', 'osmesa', 'None', 'glfw')


@pytest.mark.render
@pytest.mark.parametrize('backend', ['egl', 'osmesa'])
def test_both_backends_draw_even_when_mujoco_was_imported_first(backend: str) -> None:
    if not {'egl': gl.egl_works, 'osmesa': gl.osmesa_works}[backend]():
        pytest.skip(f'{backend} is not installed')
    code = ('import mujoco, os; '
            f"os.environ.pop('PYOPENGL_PLATFORM', None); os.environ['MUJOCO_GL'] = '{backend}'; "
            'from rig_ros.control import task; from rig_ros.simulation.world import SawyerWorld; '
            "world = SawyerWorld(task.load('push')); print(world.render().std()); world.close()")
    environment = {k: v for k, v in gl.os.environ.items()
                   if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True,
                          text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 20


def test_ctrl_c_while_a_context_is_made_current_stays_one():
    class Context:
        def __init__(self, said: str) -> None:
            self.said = said

        def make_current(self) -> None:
            raise ctypes.ArgumentError(self.said)

    with pytest.raises(KeyboardInterrupt):
        gl.make_current(Context('argument 1: KeyboardInterrupt: '))
    with pytest.raises(ctypes.ArgumentError, match='wrong type'):
        gl.make_current(Context('argument 1: TypeError: wrong type'))
