"""What can go wrong, in two kinds: the plane cannot run, or a request is bad.
"""


class StartError(Exception):
    """The data plane cannot start; the text tells its user what to do."""


class BrokerError(Exception):
    """Mosquitto cannot be reached, or did not take a message."""


class ApiError(Exception):
    """A request that AWS IoT would refuse, and the words it does it with."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.code = code


def invalid_request(message):
    """The error for everything that is wrong with a parameter."""
    return ApiError(400, "InvalidRequestException", message)
