"""The Requesty gateway as a LlamaIndex LLM."""
