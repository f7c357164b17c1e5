"""The asynchronous client, its streams and resources: the source that ``sync`` is generated from."""
