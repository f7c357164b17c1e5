"""What the LlamaIndex packages of the Requesty gateway share."""

from .connection import Connection

__all__ = ["Connection"]
