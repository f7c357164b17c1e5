"""`python -m requesty_cli`."""

from .main import main

main()
