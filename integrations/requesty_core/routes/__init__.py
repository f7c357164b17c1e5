"""The routes other than chat and embeddings: models, media, feedback, management.

The modules here say, without IO, what a route takes and how its answer is read. ``aio`` has each route once, as a
method of a group of routes; ``sync`` is generated from it.
"""
