"""The driver program for cross-language tests, on the Python package.

    driver.py server --redis URL --prefix P [--instance ID] [--claim-idle-ms N] [--reply-maxlen N]
    driver.py client --redis URL --prefix P [--timeout-ms N]

The server prints READY once it serves and stops on SIGTERM. The client reads one JSON object a line
on stdin and writes one a line on stdout as each call settles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

from clamator_over_redis import (
    ClamatorProtocolError,
    ClamatorTransportError,
    RedisRpcClient,
    RedisRpcServer,
    RpcError,
)
from conf import CONTRACT, Conf
from redis.asyncio import Redis


def connect(url: str) -> Redis:
    # The package's own pool refuses the 101st concurrent call; what is tested here is the wire.
    return Redis.from_url(url, max_connections=10_000)


async def serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    redis = connect(args.redis)
    server = RedisRpcServer(
        redis=redis,
        key_prefix=args.prefix,
        instance_id=args.instance,
        consumer_claim_idle_ms=args.claim_idle_ms,
        reply_stream_maxlen=args.reply_maxlen,
    )
    server.register_service(CONTRACT, Conf())
    await server.start()
    print("READY", flush=True)
    await stop.wait()
    await server.stop()
    await redis.aclose()


async def call(args: argparse.Namespace) -> None:
    redis = connect(args.redis)
    client = RedisRpcClient(
        redis=redis, key_prefix=args.prefix, default_timeout_ms=args.timeout_ms
    )
    await client.start()
    running: set[asyncio.Task[None]] = set()
    # A thread reads the lines, so that pipes, files and terminals all work as stdin.
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        if not line.strip():
            continue
        request = json.loads(line)
        if request.get("op") == "barrier":
            if running:
                await asyncio.wait(running)
            continue
        task = asyncio.create_task(settle(client, request))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    await client.stop()
    await redis.aclose()


async def settle(client: RedisRpcClient, request: dict[str, Any]) -> None:
    """Runs one request and writes its line, whatever becomes of it."""
    tag = request.get("tag")
    answer = await attempt(client, request)
    try:
        line = json.dumps({"tag": tag, **answer}, allow_nan=False)
    except ValueError as e:
        line = json.dumps({"tag": tag, **failed("protocol", f"the answer is not JSON: {e}")})
    print(line, flush=True)


async def attempt(client: RedisRpcClient, request: dict[str, Any]) -> dict[str, Any]:
    method, params = request.get("method", ""), request.get("params", {})
    try:
        match request.get("op"):
            case "call":
                result = await client.call(
                    CONTRACT.service, method, params, timeout_ms=request.get("timeoutMs")
                )
                return {"ok": True, "result": result}
            case "notify":
                await client.notify(CONTRACT.service, method, params)
                return {"ok": True}
            case op:
                return failed("protocol", f"unknown op {op!r}")
    except RpcError as e:
        return failed("rpc", e.message, e.code, e.data)
    except ClamatorTransportError as e:
        # The package has one class for both and tells them apart by the message alone.
        kind = "timeout" if str(e) == "call timeout" else "transport"
        return failed(kind, f"{e}: {e.__cause__!r}" if kind == "transport" else str(e))
    except (ClamatorProtocolError, ValueError, TypeError) as e:
        return failed("protocol", str(e))
    except Exception as e:  # notify() lets the exceptions of the Redis package through
        return failed("transport", repr(e))


def failed(kind: str, message: str, code: int | None = None, data: Any = None) -> dict[str, Any]:
    return {"ok": False, "kind": kind, "code": code, "message": message, "data": data}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    roles = parser.add_subparsers(dest="role", required=True)
    server, client = roles.add_parser("server"), roles.add_parser("client")
    for role in (server, client):
        role.add_argument("--redis", required=True)
        role.add_argument("--prefix", required=True)
    server.add_argument("--instance")
    server.add_argument("--claim-idle-ms", type=int, default=60_000)
    server.add_argument("--reply-maxlen", type=int, default=1024)
    client.add_argument("--timeout-ms", type=int, default=30_000)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    asyncio.run(serve(arguments) if arguments.role == "server" else call(arguments))
