"""The MuJoCo Sawyer and its tasks. No ROS."""
