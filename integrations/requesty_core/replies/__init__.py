"""What came back: deltas into one complete reply, and the typed events of a stream."""
