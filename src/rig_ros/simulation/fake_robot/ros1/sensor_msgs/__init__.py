"""Stands for the ROS 1 package of that name."""
