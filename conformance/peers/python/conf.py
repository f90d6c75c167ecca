"""The service `conf`, which every language's driver program serves and calls."""

from __future__ import annotations

import asyncio
from typing import Any

from clamator_over_redis import RpcError
from clamator_protocol import Contract, MethodEntry
from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """As the package's code generator writes its models: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class Empty(Model):
    pass


class Operands(Model):
    a: float
    b: float


class Sum(Model):
    sum: float


class Quotient(Model):
    q: float


class SleepParams(Model):
    ms: int


class Slept(Model):
    slept: int


class FailParams(Model):
    message: str


class Ok(Model):
    ok: bool


class Value(Model):
    value: Any


class PushParams(Model):
    item: int


class Items(Model):
    items: list[int]


class Seen(Model):
    calls: int
    pings: int


class PingParams(Model):
    n: int


class Conf:
    """The handlers. Each counts itself first, so that `seen` also shows the calls that failed."""

    def __init__(self) -> None:
        self.calls = 0
        self.pings = 0
        self.items: list[int] = []

    async def add(self, params: Operands) -> Sum:
        self.calls += 1
        return Sum(sum=params.a + params.b)

    async def divide(self, params: Operands) -> Quotient:
        self.calls += 1
        if params.b == 0:
            raise RpcError(-32001, "division by zero", {"a": params.a})
        return Quotient(q=params.a / params.b)

    async def sleep(self, params: SleepParams) -> Slept:
        self.calls += 1
        await asyncio.sleep(params.ms / 1000)
        return Slept(slept=params.ms)

    async def fail(self, params: FailParams) -> Empty:
        self.calls += 1
        raise RuntimeError(params.message)

    async def bad_result(self, params: Empty) -> Any:
        self.calls += 1
        return {"ok": "neither"}

    async def echo(self, params: Value) -> Value:
        self.calls += 1
        return Value(value=params.value)

    async def push(self, params: PushParams) -> Items:
        self.calls += 1
        self.items.append(params.item)
        return Items(items=list(self.items))

    async def seen(self, params: Empty) -> Seen:
        return Seen(calls=self.calls, pings=self.pings)

    async def ping(self, params: PingParams) -> None:
        self.pings += 1


CONTRACT = Contract(
    service="conf",
    methods={
        "add": MethodEntry(Operands, Sum, "add"),
        "divide": MethodEntry(Operands, Quotient, "divide"),
        "sleep": MethodEntry(SleepParams, Slept, "sleep"),
        "fail": MethodEntry(FailParams, Empty, "fail"),
        "badResult": MethodEntry(Empty, Ok, "bad_result"),
        "echo": MethodEntry(Value, Value, "echo"),
        "push": MethodEntry(PushParams, Items, "push"),
        "seen": MethodEntry(Empty, Seen, "seen"),
        "ping": MethodEntry(PingParams, None, "ping"),
    },
)
