"""The models that the emulated gateway serves, and what is known of each.

Here belong facts of models (windows, prices, abilities), not what is done with them.
"""
