"""numerapi's command line in the clients' environment, as it is installed but for the address it
sends to: ``command.py URL ARGUMENT...``."""

import sys

from numerapi import base_api, cli

base_api.API_TOURNAMENT_URL = sys.argv[1]
cli.cli(sys.argv[2:], prog_name="numerapi")
