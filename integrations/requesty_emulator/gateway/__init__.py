"""What stands behind every route: keys and limits, routing and policies, faults, prices, the request log."""
