"""Ports for servers that are started on loopback."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Final

from tfx_pipeline.process.errors import UserError

HOST: Final = "127.0.0.1"


@contextlib.contextmanager
def held_ports(*wanted: int) -> Iterator[list[int]]:
    """Keeps ports of the loopback address, on which nobody listens, for servers that are started in the context.

    Between the moment a free port is found and the moment a server listens on it, seconds in Java's case, the kernel
    gives it to nobody else: it is bound. The server can bind it too, since both set ``SO_REUSEADDR``, as Java, gRPC
    and Python's servers do. See socket(7).

    Args:
        wanted: The ports; any free one for a 0.

    Yields:
        The ports, as many as are wanted.

    Raises:
        UserError: Somebody listens on one.
    """
    with contextlib.ExitStack() as stack:
        ports = []
        for port in wanted:
            holder = stack.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                holder.bind((HOST, port))
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                raise UserError(f"{HOST}:{port}: {reason}; end what uses this port, or give others") from error
            ports.append(holder.getsockname()[1])
        yield ports
