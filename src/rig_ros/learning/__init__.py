"""RIG's learning core: VAE, latent TD3, relabelling, replay, bundles. No ROS, no simulator."""
