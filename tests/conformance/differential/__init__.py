"""The same reply, whole or cut at any event, through every path of every adapter."""
