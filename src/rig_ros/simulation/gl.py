"""Chooses how MuJoCo draws without a screen: EGL, then OSMesa. Call before importing mujoco."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import os
from typing import Any

from rig_ros.errors import HardwareError

_REMEDY = ('install libegl1 and libgl1-mesa-dri (EGL) or libosmesa6 (OSMesa), for example '
           '`apt-get install libegl1 libgl1-mesa-dri`, or set MUJOCO_GL yourself')


def egl_works() -> bool:
    """Return whether an EGL display can be opened on this machine."""
    path = ctypes.util.find_library('EGL')
    if path is None:
        return False
    try:
        egl = ctypes.CDLL(path)
        query = egl.eglGetProcAddress
        query.restype, query.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        address = query(b'eglQueryDevicesEXT')
        if not address:
            return False
        devices = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p,
                                   ctypes.POINTER(ctypes.c_int))(address)
        count = ctypes.c_int(0)
        return bool(devices(0, None, ctypes.byref(count))) and count.value > 0
    except (OSError, AttributeError):
        return False


def osmesa_works() -> bool:
    """Return whether the OSMesa library is installed."""
    return ctypes.util.find_library('OSMesa') is not None


def choose_backend() -> str:
    """Set MUJOCO_GL when unset, and return the backend's name; '' when none works here.

    Worlds work without one; only drawing then raises `HardwareError`.
    """
    os.environ.setdefault('LP_NUM_THREADS', '0')  # Mesa's threads cost more than small pictures.
    chosen = os.environ.get('MUJOCO_GL', '').lower()
    if not chosen:
        chosen = 'egl' if egl_works() else 'osmesa' if osmesa_works() else ''
        if chosen:
            os.environ['MUJOCO_GL'] = chosen
    return chosen


def open_context(width: int, height: int) -> Any:
    """Open an off-screen GL context and make it current.

    The class is chosen here and not by mujoco, which decides once, when it is first imported.

    Raises:
        HardwareError: when no backend works; the message names the packages to install.
    """
    backend = choose_backend()
    try:
        if backend in ('egl', 'osmesa'):
            context = importlib.import_module(f'mujoco.{backend}').GLContext(width, height)
        else:
            context = importlib.import_module('mujoco').GLContext(width, height)
        make_current(context)
    except Exception as error:  # each backend raises its own kind
        raise drawing_failed(error) from error
    return context


def make_current(context: Any) -> None:
    """Make a context the one to draw in.

    Raises:
        KeyboardInterrupt: Ctrl-C came in the middle, which ctypes tells as a bad argument.
    """
    try:
        context.make_current()
    except ctypes.ArgumentError as error:
        if KeyboardInterrupt.__name__ in str(error):
            raise KeyboardInterrupt from error
        raise


def drawing_failed(error: Exception) -> HardwareError:
    """Return the error to raise when a GL context could not be made."""
    return HardwareError(
        f"off-screen drawing with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r} failed: {error}; "
        f'{_REMEDY}')
