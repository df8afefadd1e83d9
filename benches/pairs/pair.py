"""The two parties over Python's socket. See pair.h for the command line."""

import socket
import sys
import time

READ_SIZE = 64 * 1024
KINDS = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET,
         "dgram": socket.SOCK_DGRAM}

role, work, kind_name, size, count, address = sys.argv[1:]
is_server = role == "server"
kind = KINDS[kind_name]
size, count = int(size), int(count)
client_address = address + ".client"
data = bytes(size)
buffer = memoryview(bytearray(max(size, READ_SIZE)))
message = buffer[:size]


def say_ready():
    print("ready", flush=True)


def listen():
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(address)
    listener.listen(socket.SOMAXCONN)
    say_ready()
    return listener


def connect():
    connection = socket.socket(socket.AF_UNIX, kind)
    if kind == socket.SOCK_DGRAM:
        connection.bind(client_address)
    connection.connect(address)
    return connection


def open_connection():
    if kind != socket.SOCK_DGRAM:
        return listen().accept()[0] if is_server else connect()
    if not is_server:
        connection = connect()
        connection.send(b"\0")
        return connection
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.bind(address)
    say_ready()
    connection.recv(1)
    if work == "round_trip":
        connection.connect(client_address)
    return connection


def receive(connection):
    received = connection.recv_into(message)
    while received < size:
        more = connection.recv_into(message[received:])
        if more == 0:
            raise EOFError
        received += more


def round_trip(connection, rounds):
    for _ in range(rounds):
        if not is_server:
            connection.sendall(data)
        receive(connection)
        if is_server:
            connection.sendall(data)


def say_that_all_came(connection):
    if kind == socket.SOCK_DGRAM:
        connection.sendto(b"\0", client_address)
    else:
        connection.sendall(b"\0")


def transfer(connection, rounds):
    if is_server:
        left = size * rounds
        while left > 0:
            received = connection.recv_into(buffer)
            if received == 0:
                raise EOFError
            left -= received
        say_that_all_came(connection)
    else:
        for _ in range(rounds):
            connection.sendall(data)
        connection.recv_into(buffer)


def connect_cycle(listener, rounds):
    for _ in range(rounds):
        with listener.accept()[0] if is_server else connect() as connection:
            round_trip(connection, 1)


def open_listener():
    return listen() if is_server else None


run, open_it = {
    "round_trip": (round_trip, open_connection),
    "transfer": (transfer, open_connection),
    "connect": (connect_cycle, open_listener),
}[work]
end = open_it()
run(end, count // 5 + 1)
wall, cpu = time.monotonic_ns(), time.process_time_ns()
run(end, count)
wall, cpu = time.monotonic_ns() - wall, time.process_time_ns() - cpu
if not is_server:
    print(f"ns_per_operation {wall / count:.1f}")
print(f"cpu_ns_per_operation {cpu / count:.1f}")
