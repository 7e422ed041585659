"""`python -m simulator`: the same as the `simulator` command."""

from simulator.cli import main

if __name__ == "__main__":
    main()
