"""The `requesty-adapters` command."""
