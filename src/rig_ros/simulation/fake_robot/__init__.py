"""A Sawyer without a Sawyer: MuJoCo behind modules that behave as rospy and the SDK do."""
