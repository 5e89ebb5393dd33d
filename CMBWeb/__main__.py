"""Entry point of `python -m CMBWeb`, which is `cmb web`."""

import sys

from CMBCommand.cli import main

if __name__ == "__main__":
    sys.exit(main(["web", *sys.argv[1:]]))
