"""The emulated model: what it answers to a prompt, deterministically."""
