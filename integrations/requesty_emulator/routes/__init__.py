"""One module for each route or family of routes: reading its requests and writing its answers.

Here belongs what only one format knows: its fields, its events, its names for usage. What two routes share is in
``inference``; checks of fields are in ``validation``.
"""
