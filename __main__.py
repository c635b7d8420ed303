"""`python -m lookalike`: the console script where it is not on the PATH."""

from .cli import main

if __name__ == "__main__":
    main()
