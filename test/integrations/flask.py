"""Flask-Caching over redis-py: views, functions and the cache itself."""

import sys

# A file named like the package is in the way of its import.
sys.path.pop(0)

from flask import Flask  # noqa: E402
from flask_caching import Cache  # noqa: E402

app = Flask("app")
cache = Cache(
    app,
    config={
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": f"redis://127.0.0.1:{sys.argv[1]}/{sys.argv[2]}",
        "CACHE_DEFAULT_TIMEOUT": 60,
    },
)
calls = []


@app.route("/")
@cache.cached(timeout=50)
def index():
    calls.append("index")
    return f"seen {len(calls)}"


@cache.memoize(50)
def double(number):
    calls.append(number)
    return number * 2


client = app.test_client()
assert [client.get("/").text, client.get("/").text] == ["seen 1", "seen 1"]
with app.app_context():
    assert [double(21), double(21), double(2)] == [42, 42, 4] and calls == ["index", 21, 2]
    cache.delete_memoized(double)
    assert double(21) == 42 and calls == ["index", 21, 2, 21]
    assert cache.set("key", [1], timeout=60) and cache.get("key") == [1]
    assert cache.add("key", 2) is False and cache.has("key")
    cache.set_many({"a": 1, "b": "two"})
    assert cache.get_many("a", "none", "b") == [1, None, "two"]
    assert cache.delete_many("a", "b") and cache.delete("key")
    backend = cache.cache
    assert backend.inc("counter") == 1 and backend.inc("counter", 4) == 5
    assert backend.dec("counter", 2) == 3 and backend.get("counter") == 3
    cache.clear()
    assert cache.get("counter") is None
