"""The strict reading of requests; every refusal names the field."""
