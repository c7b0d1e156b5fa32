"""The demo's cable: cut means cut, at once."""

import select
import socket

from demo.proxy import Cable

QUIET_S = 0.3  # three looks of the cable's thread


def test_nothing_said_after_the_cut_arrives_and_mended_the_old_connection_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        cable = Cable(server.getsockname()[1])
        try:
            with socket.create_connection(("127.0.0.1", cable.port)) as near:
                far, _ = server.accept()
                with far:
                    far.sendall(b"before")
                    assert near.recv(16) == b"before"
                    cable.cut()
                    far.sendall(b"after")
                    assert select.select([near], [], [], QUIET_S)[0] == []
                    cable.mend()
                    near.settimeout(10)
                    assert near.recv(16) == b""  # never delivered late: the connection ends
        finally:
            cable.close()
