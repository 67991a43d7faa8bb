"""Pictures: layout with a non-square picture, crop, colour, intrinsics, goal checks."""

import numpy as np
import pytest

from rig_ros.errors import ConfigError, DataError
from rig_ros.vision import image as vision
from rig_ros.vision.image import CropRegion, Intrinsics


def gradient(height=48, width=64):
    """Red grows to the right, green grows downwards, blue constant."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width)[None, :]
    picture[..., 1] = np.arange(height)[:, None]
    picture[..., 2] = 77
    return picture


def test_crop_keeps_axes_apart():
    out = vision.crop_and_resize(gradient(), CropRegion(10, 4, 20, 40), 20)
    assert out.shape == (20, 20, 3)
    assert np.ptp(out[:, 0, 0]) == 0
    np.testing.assert_array_equal(out[0, :, 0], np.arange(10, 30))
    assert out[0, 0, 1] in (4, 5)
    assert out[-1, 0, 1] in (42, 43)
    assert (out[..., 2] == 77).all()


def test_resize_averages_areas():
    checker = (np.indices((8, 8)).sum(0) % 2 * 200).astype(np.uint8)
    out = vision.crop_and_resize(vision.to_rgb(checker, 'mono8'), CropRegion(0, 0, 8, 8), 4)
    assert (out == 100).all()


def test_same_size_is_untouched():
    picture = gradient(84, 84)
    out = vision.crop_and_resize(picture, CropRegion(0, 0, 84, 84), 84)
    np.testing.assert_array_equal(out, picture)


def test_colour_orders():
    rgb = gradient()
    np.testing.assert_array_equal(vision.to_rgb(rgb[..., ::-1], 'bgr8'), rgb)
    assert vision.to_rgb(rgb, 'rgb8') is rgb
    assert vision.to_rgb(rgb[..., 0], 'mono8').shape == (48, 64, 3)


@pytest.mark.parametrize('encoding', ['bayer_rggb8', 'yuv422', '16UC1', ''])
def test_raises_error_naming_the_encoding(encoding):
    with pytest.raises(DataError, match=f"got '{encoding}'.*rgb8"):
        vision.to_rgb(gradient(), encoding)


def test_raises_error_if_channels_do_not_fit():
    with pytest.raises(DataError, match='image shape'):
        vision.to_rgb(gradient()[..., 0], 'rgb8')


def test_centred_square_and_lists():
    assert CropRegion.from_list([], 640, 480).as_list() == [80, 0, 480, 480]
    assert CropRegion.from_list([1, 2, 3, 4], 640, 480) == CropRegion(1, 2, 3, 4)


@pytest.mark.parametrize('values', [[0, 0, 641, 10], [-1, 0, 5, 5], [0, 0, 0, 5], [1, 2, 3]])
def test_raises_error_if_crop_leaves_the_picture(values):
    with pytest.raises(ConfigError, match='crop'):
        CropRegion.from_list(values, 640, 480)


def test_intrinsics_follow_the_pixels():
    full = Intrinsics.from_fovy(45, 640, 480)
    small = full.cropped(CropRegion.centred_square(640, 480), 84)
    direct = Intrinsics.from_fovy(45, 84, 84)
    for name in ('fx', 'fy', 'cx', 'cy'):
        assert getattr(small, name) == pytest.approx(getattr(direct, name))


def test_intrinsics_of_an_off_centre_crop():
    cropped = Intrinsics(640, 480, 500, 500, 300, 200).cropped(CropRegion(100, 50, 400, 200), 100)
    assert (cropped.fx, cropped.fy) == (125, 250)
    assert cropped.cx == pytest.approx(200.5 / 4 - 0.5)
    assert cropped.cy == pytest.approx(150.5 / 2 - 0.5)


def test_goal_checks():
    vision.check_goal(gradient(84, 84), 84)
    with pytest.raises(DataError, match='64x48 pixels, allowed: 84x84'):
        vision.check_goal(gradient(), 84)
    with pytest.raises(DataError, match='all one colour'):
        vision.check_goal(np.zeros((84, 84, 3), np.uint8), 84)


def test_goal_with_one_colour_not_grey_is_refused():
    picture = np.zeros((84, 84, 3), np.uint8)
    picture[..., 0] = 200
    with pytest.raises(DataError, match='all one colour'):
        vision.check_goal(picture, 84)


@pytest.mark.parametrize('ending', ['png', 'jpg'])
def test_files_round_trip_and_cut_files_are_refused(tmp_path, ending):
    path = tmp_path / f'goal.{ending}'
    vision.write_picture(path, gradient())
    np.testing.assert_allclose(vision.read_picture(path), gradient(), atol=0 if ending == 'png'
                               else 8)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match='cut off'):
        vision.read_picture(path)


def test_raises_error_if_file_is_no_picture(tmp_path):
    with pytest.raises(DataError, match='cannot be read'):
        vision.read_picture(tmp_path / 'none.png')
    (tmp_path / 'text.png').write_text('hello')
    with pytest.raises(DataError, match='not a picture'):
        vision.read_picture(tmp_path / 'text.png')
    (tmp_path / 'empty.png').write_bytes(b'')
    with pytest.raises(DataError, match='not a picture'):
        vision.read_picture(tmp_path / 'empty.png')
