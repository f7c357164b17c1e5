"""What stands behind every route: keys and limits, routing and policies, faults, prices, the request log.

Here belongs what the gateway does to every request whatever its format: who may send it, where it goes, what it costs,
what disturbs it, how its bytes leave. Formats of one route belong to ``routes``.
"""
