"""Ports that nobody else gets until their server listens on them."""

import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest

from tfx_pipeline.process.errors import UserError
from tools.ports import HOST, held_ports


def test_a_held_port_is_given_to_nobody_and_refuses_connections() -> None:
    with held_ports(*[0] * 200) as ports:
        assert len(set(ports)) == 200
        others = [socket.create_server((HOST, 0)) for _ in range(200)]
        assert not {server.getsockname()[1] for server in others} & set(ports)
        for server in others:
            server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, ports[0]), 1)


def test_a_server_listens_on_a_held_port_and_again() -> None:
    with held_ports(0) as (port,):
        for _ in range(2):
            with HTTPServer((HOST, port), SimpleHTTPRequestHandler):
                socket.create_connection((HOST, port), 1).close()


def test_a_port_on_which_somebody_listens_is_one_line() -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        with (
            pytest.raises(UserError, match=rf"^{HOST}:{taken}: Address already in use; end what uses this port"),
            held_ports(0, taken),
        ):
            pass
