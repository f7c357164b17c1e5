"""What to do after a failure: wait and ask again, move to the next model, or give up.

Decisions only: no IO, no clock, no sleep.
"""
