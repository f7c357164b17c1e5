"""Embedding calls: inputs into batches, answers into checked vectors, everything back in order."""
