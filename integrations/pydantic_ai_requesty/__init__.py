"""The Requesty gateway as Pydantic AI models."""
