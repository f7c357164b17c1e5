"""The models that the emulated gateway serves."""
