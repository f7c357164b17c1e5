"""What a call tells those who operate it: events for a hook, log lines, spans."""
