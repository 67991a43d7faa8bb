"""Good files become goal pictures; bad ones are refused by name, before a decoder sees them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from bad_pictures import BAD, PHOTO, bomb, encoded

from rig_ros.console import uploads
from rig_ros.errors import DataError


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_file_is_refused_by_name(kind: str):
    make, words = BAD[kind]
    with pytest.raises(DataError) as refusal:
        uploads.read(make(), 84)
    assert words in str(refusal.value)


def test_a_bomb_never_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('decoded'))
    with pytest.raises(DataError):
        uploads.read(bomb(), 84)


@pytest.mark.parametrize('ending', ['.png', '.jpg'])
def test_the_middle_square_of_a_good_file_is_used(ending: str):
    found = uploads.read(encoded(ending), 84)
    assert found.picture.shape == (84, 84, 3)
    assert (found.width, found.height) == (320, 240)
    assert found.region.as_list() == [40, 0, 240, 240]
    square = cv2.resize(PHOTO[:, 40:280, ::-1], (84, 84), interpolation=cv2.INTER_AREA)
    assert np.abs(found.picture.astype(int) - square).mean() < 3


@pytest.mark.parametrize('cut', range(0, 400, 7))
def test_a_file_cut_anywhere_is_a_refusal_not_a_crash(cut: int):
    for ending in ('.png', '.jpg'):
        with pytest.raises(DataError):
            uploads.read(encoded(ending)[:cut], 84)
