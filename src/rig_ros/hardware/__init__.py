"""Devices: cameras and the robot protocol. No rclpy."""
