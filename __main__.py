"""`python -m lookalike`: the console script where it is not on the PATH."""

from .cli import main

main()
