#!/usr/bin/env python
"""Gatepost's commands. Each finds the running embedded database of the same DATA_DIR by itself."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from config.errors import CannotStart


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (CannotStart, ImproperlyConfigured) as error:
        print(error, file=sys.stderr)
        return 1
    except OperationalError:
        # Needs settings, which may be what is wrong above.
        from config.embedded.absence import explain_absence

        sentence = explain_absence()
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
