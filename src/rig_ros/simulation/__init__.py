"""MuJoCo Sawyer and its tasks; no ROS. Importing it chooses the GL backend, not yet mujoco."""

from rig_ros.simulation import gl

gl.choose_backend()
