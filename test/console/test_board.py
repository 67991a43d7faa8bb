"""A slow viewer gets the newest of each subject, in order, and nothing piles up."""

from __future__ import annotations

import asyncio
import json

from rig_ros.console.board import Board


def test_newest_of_each_subject_wins():
    async def story() -> None:
        board = Board()
        viewer = board.join()
        for number in range(1000):
            board.put('camera', bytes([number % 250]))
            board.put_json('point', number, lasting=False)
        assert await viewer.next() == bytes([999 % 250])
        assert json.loads(await viewer.next())['value'] == 999
    asyncio.run(story())


def test_who_joins_late_gets_what_lasts_only():
    async def story() -> None:
        board = Board()
        board.put_json('goal', 1)
        board.put_json('point', 2, lasting=False)
        late = board.join()
        assert json.loads(await late.next())['subject'] == 'goal'
        assert not late._waiting
    asyncio.run(story())


def test_unchanged_subjects_are_not_sent_again():
    async def story() -> None:
        board = Board()
        viewer = board.join()
        board.put_json('goal', 1)
        await viewer.next()
        board.put_json('goal', 1)
        assert not viewer._waiting
    asyncio.run(story())


def test_who_left_is_forgotten():
    async def story() -> None:
        board = Board()
        viewer = board.join()
        board.leave(viewer)
        board.put_json('goal', 1)
        assert not viewer._waiting
    asyncio.run(story())
