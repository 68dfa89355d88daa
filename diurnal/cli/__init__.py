"""The command line: what scripts and operators depend on.

One JSON document on stdout with `--json`, all else on stderr; exit status 0 done, 1 failed with
one plain line, 2 bad usage. Everything heavy is imported inside its command. A module of this
package that adds commands to `command.app` is in.
"""

from __future__ import annotations

from diurnal import plugins
from diurnal.cli.command import app, main
from diurnal.cli.logs import redacted

__all__ = ["app", "main", "redacted"]

for _module in plugins.modules(__name__):
    pass
