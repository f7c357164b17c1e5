"""What the framework adapters share, and their one way into the core beside its public names."""
