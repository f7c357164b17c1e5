"""The clients: they build a call, hand it to an exchange, and perform what it decides."""
