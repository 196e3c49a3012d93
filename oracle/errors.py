"""Errors a person is meant to read: what is wrong, where, and what to do about it."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the ``assay`` command; the table in docs/cli.md."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    UNREACHABLE = 4
    DIFFERENT = 5
    ENVIRONMENT = 6
    REFUSED = 7
    INTERRUPTED = 130
    TERMINATED = 143


class AssayError(Exception):
    """``message`` says what and where; ``fix`` names the next step or command."""

    exit_code = Exit.BUG
    code = "bug"

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class InputError(AssayError):
    """A file, an option or a request has wrong content."""

    exit_code, code = Exit.INPUT, "bad_input"


class UnreachableError(AssayError):
    """A chain endpoint or an operator does not answer, or answers for another chain."""

    exit_code, code = Exit.UNREACHABLE, "unreachable"


class DifferenceError(AssayError):
    """Verification found something that is not as published; ``path`` is the file, if it is one."""

    exit_code, code = Exit.DIFFERENT, "different"

    def __init__(self, message: str, fix: str = "", path: str = "") -> None:
        super().__init__(message, fix)
        self.path = path


class EnvironmentLacksError(AssayError):
    """This machine lacks a program, a free port or a package."""

    exit_code, code = Exit.ENVIRONMENT, "environment"


class RefusedError(AssayError):
    """The contract, an operator or a safety rule refuses."""

    exit_code, code = Exit.REFUSED, "refused"
