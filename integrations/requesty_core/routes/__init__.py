"""The routes other than chat and embeddings: models, media, feedback, management."""
