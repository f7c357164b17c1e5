"""One module for each route or family of routes: reading its requests and writing its answers."""
