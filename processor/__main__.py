"""`python -m processor`: the same as `bothways`, where the package is not installed."""

from processor.cli import main

if __name__ == "__main__":
    main()
