"""`rig_ros camera --window`: the same in a window of OpenCV, where its build has windows.

Drag a new square with the mouse; keys: s saves, r keeps the picture as reference, c centres, q or
Esc ends. The slider blends the reference in.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rig_ros.errors import ConfigError, RigError
from rig_ros.hardware.camera_setup import CameraSetup
from rig_ros.vision.image import Picture

WAIT_MS = 15
SLIDER = 'reference %'
LEAST = 8
WHITE = (255, 255, 255)
QUIT = (ord('q'), 27)


class Square:
    """A square that the mouse drags, inside a picture."""

    def __init__(self, width: int, height: int, crop: list[int]) -> None:
        self._width, self._height = width, height
        self.crop = crop
        self._from: tuple[int, int] | None = None

    def on_mouse(self, event: int, x: int, y: int, flags: int = 0, given: Any = None) -> None:
        """Take an event of the mouse, as OpenCV tells it."""
        if event == cv2.EVENT_LBUTTONDOWN:
            self._from = x, y
        elif event == cv2.EVENT_LBUTTONUP:
            self._from = None
        elif event == cv2.EVENT_MOUSEMOVE and self._from is not None:
            left, top = self._from
            room_x = self._width - left if x >= left else left
            room_y = self._height - top if y >= top else top
            side = min(max(abs(x - left), abs(y - top)), room_x, room_y)
            if side >= LEAST:
                self.crop = [left if x >= left else left - side, top if y >= top else top - side,
                             side, side]


def drawn(picture: Picture, reference: Picture | None, blend: float, crop: list[int],
          policy: Picture, note: str) -> Picture:
    """Return what the window shows, RGB: blended, the outside dimmed, policy's picture, note."""
    shown = picture.astype(np.float32)
    if reference is not None and reference.shape == picture.shape:
        shown = (1 - blend) * shown + blend * reference
    x, y, width, height = crop
    dimmed = 0.45 * shown
    dimmed[y:y + height, x:x + width] = shown[y:y + height, x:x + width]
    result: Picture = dimmed.astype(np.uint8)
    cv2.rectangle(result, (x, y), (x + width - 1, y + height - 1), WHITE, 1)
    rows, columns = min(policy.shape[0], result.shape[0]), min(policy.shape[1], result.shape[1])
    result[:rows, -columns:] = policy[:rows, :columns]
    cv2.putText(result, note, (8, result.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE)
    return result


def show(setup: CameraSetup, title: str, gui: Any = cv2) -> None:
    """Show the window until it is closed.

    Args:
        setup: of the camera.
        title: of the window.
        gui: has OpenCV's window functions.

    Raises:
        ConfigError: this build of OpenCV has no windows.
    """
    try:
        gui.namedWindow(title)
        gui.createTrackbar(SLIDER, title, 0, 100, lambda _: None)
    except cv2.error as error:
        raise ConfigError('--window: this OpenCV has none; leave --window out for the page in the '
                          'browser, or install opencv-python in the place of '
                          'opencv-python-headless') from error
    square: Square | None = None
    note = 's saves, r keeps a reference, c centres, q ends'
    while True:
        key = gui.waitKey(WAIT_MS) & 0xFF
        if key in QUIT or gui.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
            break
        if setup.poll() and square is None:
            height, width = setup.seen().shape[:2]
            square = Square(width, height, setup.region().as_list())
            gui.setMouseCallback(title, square.on_mouse)
        if square is None:
            continue
        try:
            note = _pressed(key, setup, square) or note
        except RigError as error:
            note = str(error)
        moved = setup.movement()
        reference = None if setup.reference is None else setup.reference.picture
        picture = drawn(setup.seen(), reference,
                        gui.getTrackbarPos(SLIDER, title) / 100, square.crop,
                        setup.policy_picture(square.crop), note if moved is None or moved.same
                        else f'{note}; moved {moved.text}')
        gui.imshow(title, np.ascontiguousarray(picture[..., ::-1]))
    gui.destroyAllWindows()


def _pressed(key: int, setup: CameraSetup, square: Square) -> str:
    """Do what a key says; return what was done."""
    if key == ord('s'):
        return f'saved {setup.save(square.crop)}'
    if key == ord('r'):
        return f'kept as {setup.keep_reference()}'
    if key == ord('c'):
        square.crop = setup.region(()).as_list()
        return 'centred'
    return ''
