"""Flask-Limiter over redis-py: fixed windows of time, and those that begin anew with each visit."""

import sys

# A file named like the package is in the way of its import.
sys.path.pop(0)

from flask import Flask  # noqa: E402
from flask_limiter import Limiter  # noqa: E402
from limits import RateLimitItemPerMinute  # noqa: E402
from limits.storage import storage_from_string  # noqa: E402
from limits.strategies import (  # noqa: E402
    FixedWindowElasticExpiryRateLimiter,
    FixedWindowRateLimiter,
)

PORT, DATABASE = sys.argv[1], sys.argv[2]
URI = f"redis://127.0.0.1:{PORT}/{DATABASE}"
app = Flask("app")
limiter = Limiter(
    lambda: "visitor",
    app=app,
    storage_uri=URI,
    strategy="fixed-window",
    headers_enabled=True,
)


@app.route("/")
@limiter.limit("2 per minute")
def index():
    return "hello"


client = app.test_client()
answers = [client.get("/") for _ in range(3)]
assert [answer.status_code for answer in answers] == [200, 200, 429]
assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
limiter.reset()
assert client.get("/").status_code == 200

storage = storage_from_string(URI)
item = RateLimitItemPerMinute(3)
fixed = FixedWindowRateLimiter(storage)
assert fixed.hit(item, "user", cost=2) and fixed.test(item, "user")
assert fixed.hit(item, "user") and not fixed.hit(item, "user") and not fixed.test(item, "user")
reset_time, remaining = fixed.get_window_stats(item, "user")
assert remaining == 0
assert 0 < storage.storage.ttl(item.key_for("user")) <= 60
fixed.clear(item, "user")
assert fixed.hit(item, "user", cost=3)
elastic = FixedWindowElasticExpiryRateLimiter(storage)
assert elastic.hit(item, "other") and elastic.hit(item, "other")
assert storage.check() and storage.reset() > 0
assert storage.storage.dbsize() == 0
