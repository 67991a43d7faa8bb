"""Contact sheets, with pictures that are not square and not grey."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rig_ros.errors import ConfigError
from rig_ros.evaluation import pictures

RED = np.zeros((10, 20, 3), np.uint8)
RED[..., 0] = 255
BLUE = np.zeros((10, 20, 3), np.uint8)
BLUE[..., 2] = 255


def decoded(content: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR),
                        cv2.COLOR_BGR2RGB)


def test_png_keeps_colours_and_shape():
    np.testing.assert_array_equal(decoded(pictures.png(RED)), RED)


def test_goal_stands_left_of_the_result():
    sheet = pictures.contact_sheet([(RED, BLUE)])
    row = sheet[sheet.shape[0] // 2]
    first_red = int(np.argmax((row == (255, 0, 0)).all(axis=1)))
    first_blue = int(np.argmax((row == (0, 0, 255)).all(axis=1)))
    assert first_blue == first_red + 20 + 1  # a white line parts them


def test_groups_fill_rows_of_the_given_columns():
    one = pictures.contact_sheet([(RED,)] * 3, columns=3)
    two = pictures.contact_sheet([(RED,)] * 4, columns=3)
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > one.shape[0]
    assert (two == (255, 0, 0)).all(axis=2).sum() == 4 * RED.shape[0] * RED.shape[1]


def test_captions_are_drawn_below_and_enlarging_repeats_pixels():
    plain = pictures.contact_sheet([(RED,)], scale=4)
    captioned = pictures.contact_sheet([(RED,)], ['1.2 cm'], scale=4)
    assert captioned.shape[0] > plain.shape[0]
    assert (captioned[plain.shape[0] - 6:] < 128).any()
    assert (plain == (255, 0, 0)).all(axis=2).sum() == 16 * RED.shape[0] * RED.shape[1]


@pytest.mark.parametrize(('rows', 'captions'), [([], []), ([(RED,)], ['a', 'b'])])
def test_empty_sheets_and_wrong_captions_are_refused(rows, captions):
    with pytest.raises(ConfigError):
        pictures.contact_sheet(rows, captions)
