"""Bulk work over any number of rows: resumable, within a budget, at the pace that the provider bears."""
