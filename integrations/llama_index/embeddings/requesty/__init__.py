"""The Requesty gateway as a LlamaIndex embedding model."""
