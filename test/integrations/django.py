"""django-redis as Django's cache and as the store of its sessions, with counters and locks."""

import sys
import time

# A file named like the package is in the way of its import.
sys.path.pop(0)

from django.conf import settings  # noqa: E402

PORT, DATABASE = sys.argv[1], sys.argv[2]
settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{PORT}/{DATABASE}",
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
        }
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
)

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.core.cache import cache  # noqa: E402
from redis.exceptions import LockNotOwnedError  # noqa: E402

cache.set("key", {"value": 1}, timeout=60)
assert cache.get("key") == {"value": 1}
assert 0 < cache.ttl("key") <= 60 and 0 < cache.pttl("key") <= 60_000
assert cache.add("key", 2) is False and cache.add("other", 2, timeout=60) is True
assert cache.set("key", "again", nx=True) is False
assert cache.touch("key", 120) and cache.ttl("key") > 60
assert cache.persist("key") and cache.ttl("key") is None
assert cache.expire("key", timeout=50) and cache.expire_at("key", int(time.time()) + 100)
cache.set_many({"a": 1, "b": 2}, timeout=60)
assert cache.get_many(["a", "b", "none"]) == {"a": 1, "b": 2}
assert cache.get_or_set("computed", lambda: 42, 60) == 42
assert cache.has_key("a") and "none" not in cache
assert sorted(cache.keys("?")) == ["a", "b"] and sorted(cache.iter_keys("?")) == ["a", "b"]
assert cache.delete_pattern("?") == 2
cache.delete_many(["computed", "other"])
assert cache.delete("key") and cache.get("key") is None

# Counters and locks are scripts.
cache.set("count", 1, timeout=60)
assert cache.incr("count") == 2 and cache.incr("count", 10) == 12 and cache.decr("count") == 11
assert 0 < cache.ttl("count") <= 60
try:
    cache.incr("none")
    raise AssertionError("incr() of a key that is not there")
except ValueError:
    assert cache.incr("none", ignore_key_check=True) == 1
lock, other = cache.lock("job", timeout=60), cache.lock("job", timeout=60, blocking_timeout=0)
assert lock.acquire() and not other.acquire() and lock.owned() and lock.locked()
assert lock.extend(60) and 60 < cache.ttl("job") <= 120
assert lock.extend(30, replace_ttl=True) and cache.ttl("job") <= 30
assert lock.reacquire() and 30 < cache.ttl("job") <= 60
lock.release()
assert not lock.locked() and other.acquire()
cache.delete("job")
try:
    other.release()
    raise AssertionError("release() of a lock that is lost")
except LockNotOwnedError:
    pass
with cache.lock("job", timeout=60):
    assert cache.has_key("job")
assert not cache.has_key("job")

session = SessionStore()
session["user"] = 5
session.save()
assert SessionStore(session.session_key)["user"] == 5
session.cycle_key()
assert SessionStore(session.session_key)["user"] == 5
session.flush()
assert not SessionStore(session.session_key).exists(session.session_key)
cache.clear()
assert cache.keys("*") == []
