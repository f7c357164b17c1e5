"""JSON in and out, and the shapes of what the gateway sends."""
