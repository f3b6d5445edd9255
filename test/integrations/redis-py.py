"""redis-py with hiredis as its parser, by threads and by asyncio: what its README shows."""

import asyncio
import sys
import time

import redis
import redis.asyncio
from redis.connection import HIREDIS_AVAILABLE

PORT = int(sys.argv[1])


def values(client):
    assert client.ping()
    assert client.set("foo", "bar", ex=60, nx=True) is True
    assert client.set("foo", "baz", nx=True) is None
    assert client.get("foo") == b"bar"
    assert 0 < client.ttl("foo") <= 60
    assert client.getex("foo", persist=True) == b"bar" and client.ttl("foo") == -1
    assert client.mset({"a": 1, "b": 2.5, "c": b"\x00\xff"})
    assert client.mget("a", "none", "c") == [b"1", None, b"\x00\xff"]
    assert client.incrby("a", 41) == 42 and client.incrbyfloat("b", 0.5) == 3.0
    assert sorted(client.scan_iter(match="[abc]", count=1)) == [b"a", b"b", b"c"]
    assert client.delete("a", "b", "none") == 2


def transactions(client):
    with client.pipeline() as pipe:
        pipe.watch("balance")
        before = int(pipe.get("balance") or 0)
        pipe.multi()
        pipe.set("balance", before + 1).get("balance")
        assert pipe.execute() == [True, b"1"]
    with client.pipeline() as pipe:
        pipe.watch("balance")
        client.set("balance", "other")
        pipe.multi()
        pipe.get("balance")
        try:
            pipe.execute()
            raise AssertionError("balance has changed")
        except redis.WatchError:
            pass


def rate_limit(client):
    """At most three calls a minute, without a script."""
    pipe = client.pipeline()
    counts = [pipe.incr("limit").expire("limit", 60, nx=True).execute()[0] for _ in range(5)]
    assert [count <= 3 for count in counts] == [True, True, True, False, False]
    assert 0 < client.ttl("limit") <= 60


def messages(client):
    pubsub = client.pubsub()
    pubsub.subscribe("news")
    pubsub.psubscribe("pat*")
    got = []
    deadline = time.monotonic() + 60
    while len(got) < 4 and time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1)
        if message is None:
            continue
        got.append(message["data"])
        if got == [1, 2]:
            client.publish("news", "hello")
            client.publish("pattern", "there")
    assert got == [1, 2, b"hello", b"there"], got
    pubsub.close()


async def by_asyncio():
    client = redis.asyncio.from_url(f"redis://127.0.0.1:{PORT}/0", decode_responses=True)
    await asyncio.gather(*(client.set(f"key:{i}", i) for i in range(20)))
    async with client.pipeline(transaction=True) as pipe:
        assert await pipe.set("x", "1").get("key:7").execute() == [True, "7"]
    await client.close()


assert HIREDIS_AVAILABLE
client = redis.Redis(host="127.0.0.1", port=PORT)
values(client)
transactions(client)
rate_limit(client)
messages(client)
assert client.info("server")["redis_mode"] == "standalone"
assert client.config_get("maxmemory")["maxmemory"].isdigit()
client.close()
asyncio.run(by_asyncio())
