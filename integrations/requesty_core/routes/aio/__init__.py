"""The routes as methods of the asynchronous client: the source that ``sync`` is generated from."""
