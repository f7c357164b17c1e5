"""The emulator as a program: the ASGI application, the server in a thread or in the foreground, scenario files."""
