"""Recorded episodes: write, recover, read, assemble into transitions. No ROS."""
