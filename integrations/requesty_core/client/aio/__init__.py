"""The asynchronous client and its streams: the source that ``sync`` is generated from."""
