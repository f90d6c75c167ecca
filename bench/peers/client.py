"""The benchmark's client on the Python package: `clamator-bench role client`, in Python.

    client.py --redis URL --prefix P

It prints READY, then carries out one order a line: {"window": 8, "until": {"millis": 500}}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from clamator_over_redis import RedisRpcClient
from redis.asyncio import Redis


async def main(args: argparse.Namespace) -> None:
    redis = Redis.from_url(args.redis, max_connections=10_000)
    client = RedisRpcClient(redis=redis, key_prefix=args.prefix)
    await client.start()
    print("READY", flush=True)
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        print(json.dumps(await carry_out(client, json.loads(line))), flush=True)
    await client.stop()
    await redis.aclose()


async def carry_out(client: RedisRpcClient, order: dict[str, Any]) -> dict[str, Any]:
    taken: list[int] = []
    errors: list[str] = []
    left = order["until"].get("calls")
    began = time.perf_counter_ns()
    end = began + order["until"].get("millis", 0) * 1_000_000

    def permitted(now: int) -> bool:
        nonlocal left
        if left is None:
            return now < end
        left -= 1
        return left >= 0

    async def call_in_a_loop() -> None:
        since = time.perf_counter_ns()
        while permitted(since):
            try:
                result = await client.call("conf", "add", {"a": 2.0, "b": 3.0})
                right = result == {"sum": 5.0}
            except Exception as e:  # whatever it is voids the measurement
                right, result = False, repr(e)
            now = time.perf_counter_ns()
            if right:
                taken.append(now - since)
            else:
                errors.append(str(result))
            since = now

    await asyncio.gather(*(call_in_a_loop() for _ in range(order["window"])))
    nanos = time.perf_counter_ns() - began
    taken.sort()
    return {
        "calls": len(taken),
        "errors": len(errors),
        "error": errors[0] if errors else None,
        "nanos": nanos,
        "p50_nanos": quantile(taken, 0.5),
        "p99_nanos": quantile(taken, 0.99),
        "max_nanos": taken[-1] if taken else 0,
    }


def quantile(taken: list[int], share: float) -> int:
    return taken[min(int(len(taken) * share), len(taken) - 1)] if taken else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redis", required=True)
    parser.add_argument("--prefix", required=True)
    asyncio.run(main(parser.parse_args()))
