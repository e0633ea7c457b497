"""The error that a user can act on."""


class UserError(Exception):
    """A problem that the user can solve; its message is one line.

    The line names the value or the file, says what was expected and what to do. Runners print it without a
    traceback and exit with a code other than 0.
    """


class RunFailedError(UserError):
    """A run that was started, and failed."""
