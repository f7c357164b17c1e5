"""The Requesty gateway as LangChain chat models and embeddings."""
