"""The Requesty gateway as Haystack embedders."""
