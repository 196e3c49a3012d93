"""Calls numerapi as its users do, in the clients' environment: reads what to call from standard
input, writes what came back to standard output, both as JSON.

The package is as it was installed. The one thing set is the address it sends to.
"""

import contextlib
import datetime
import decimal
import inspect
import io
import json
import sys
import warnings
from typing import Any

import numerapi
from numerapi import base_api

CLASSES = ("NumerAPI", "SignalsAPI", "CryptoAPI")


def methods() -> dict[str, dict[str, list[str]]]:
    """Public methods of each class, each with the names of its parameters."""
    return {
        name: {
            method: list(inspect.signature(function).parameters)[1:]
            for method, function in inspect.getmembers(getattr(numerapi, name), callable)
            if not method.startswith("_")
        }
        for name in CLASSES
    }


def call(url: str, token: list[str] | None, wanted: dict[str, Any]) -> dict[str, Any]:
    """One call: its value, or what was raised."""
    base_api.API_TOURNAMENT_URL = url
    public, secret = token or (None, None)
    api = getattr(numerapi, wanted["api"])(public, secret, "CRITICAL", show_progress_bars=False)
    try:
        value = getattr(api, wanted["method"])(**wanted.get("arguments", {}))
    except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, it is the outcome
        return {"error": type(error).__name__, "message": str(error)}
    return {"value": value}


def plain(value: object) -> object:
    """Values that JSON has no form for, with their type."""
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"time": value.isoformat()}
    raise TypeError(f"{type(value)} was not expected of a client")


def main() -> None:
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if asked.get("methods"):
            found: object = {"version": numerapi.__version__, "classes": methods()}
        else:
            found = [call(asked["url"], asked["token"], one) for one in asked["calls"]]
    json.dump(found, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
