"""The emulated model: what it answers to a prompt, deterministically.

Here belongs whatever turns a read request into words, tool calls or filled schemas. It knows no route, no HTTP and no
key; random numbers and clocks do not belong here.
"""
