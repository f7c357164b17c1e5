"""Cassettes: what a server answered, kept in a file and answered again.

Here belongs what a cassette is, what is left out of it, which recorded request a request is, and the two servers: one
that passes requests on and writes them down, one that answers from what was written. Deciding is done without IO
(``tape``, ``matching``, and ``gateway.redact``); ``record``, ``replay`` and ``upstream`` perform.
"""
