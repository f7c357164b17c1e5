"""The emulator as a program: the ASGI application, the server in a thread or in the foreground, scenario files.

Here belongs what a test or a command line holds in its hand: starting, stopping, scripting, looking at what came in.
"""
