"""One list of scenarios, told through every adapter."""
