"""A driver program that does much of it wrong, so that the suite is seen to bite.

It needs nothing but the standard library, and answers `add` and `seen` only.
"""

from __future__ import annotations

import json
import socket
import sys


class Redis:
    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("redis://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")

    def __call__(self, *words: str) -> object:
        encoded = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
        self.socket.sendall(b"".join(parts))
        return self.read()

    def read(self) -> object:
        line = self.file.readline()
        if not line:
            raise SystemExit(1)
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2].decode() if rest != "-1" else None
        if kind == b"*":
            return [self.read() for _ in range(int(rest))] if rest != "-1" else None
        return int(rest) if kind == b":" else rest


def entries(reply: object) -> list[tuple[str, dict[str, str]]]:
    found = reply[0][1] if isinstance(reply, list) else []
    return [(entry, dict(zip(fields[::2], fields[1::2]))) for entry, fields in found]


def serve(redis: Redis, prefix: str) -> None:
    stream = f"{prefix}:cmds:conf"
    redis("XGROUP", "CREATE", stream, "conf", "$", "MKSTREAM")
    print("READY", flush=True)
    calls = 0
    while True:
        # Wrong: the consumer has no name of its own.
        read = redis(
            "XREADGROUP", "GROUP", "conf", "worker", "COUNT", "16", "BLOCK", "1000", "STREAMS", stream, ">"
        )
        for entry, fields in entries(read):
            # Wrong: the ack comes first.
            redis("XACK", stream, "conf", entry)
            request = json.loads(fields["envelope"])
            # Wrong: every id becomes a text, and errors have no data.
            answer = {"jsonrpc": "2.0", "id": str(request["id"])}
            match request["method"]:
                case "conf.add":
                    calls += 1
                    answer["result"] = {"sum": request["params"]["a"] + request["params"]["b"]}
                case "conf.seen":
                    answer["result"] = {"calls": calls, "pings": 0}
                case _:
                    answer["error"] = {"code": -32601, "message": "Method not found"}
            redis("XADD", fields["reply-to"], "*", "type", "rpc", "envelope", json.dumps(answer))


def call(redis: Redis, prefix: str) -> None:
    # Wrong: one reply stream for all clients, ids that count up, and replies that are taken as they come.
    stream = f"{prefix}:replies:all"
    last = "0-0"
    for number, line in enumerate(sys.stdin):
        request = json.loads(line)
        envelope = {
            "jsonrpc": "2.0",
            "method": f"conf.{request['method']}",
            "params": request["params"],
            "id": number,
        }
        redis(
            "XADD", f"{prefix}:cmds:conf", "*", "type", "rpc", "envelope", json.dumps(envelope), "reply-to", stream
        )
        found = entries(redis("XREAD", "COUNT", "1", "BLOCK", "60000", "STREAMS", stream, last))
        if found:
            last, fields = found[0]
            reply = json.loads(fields["envelope"])
            answer = {"tag": request["tag"], "ok": True, "result": reply["result"]}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    role = serve if sys.argv[1] == "server" else call
    role(Redis(arguments["--redis"]), arguments["--prefix"])
