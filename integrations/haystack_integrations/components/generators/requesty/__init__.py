"""The Requesty gateway as Haystack chat generators."""
