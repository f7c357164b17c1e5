"""One logical call, from its first attempt to its reply.

What decides, records and reads is written without IO; the shells (``sync``, ``aio``) only perform.
"""
