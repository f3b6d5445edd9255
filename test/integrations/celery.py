"""Results of Celery: a worker stores them in the node, which tells who waits for them."""

import sys

# A file named like the package is in the way of its import.
sys.path.pop(0)

from celery import Celery, states  # noqa: E402
from celery.contrib.testing import tasks  # noqa: E402, F401
from celery.contrib.testing.worker import start_worker  # noqa: E402

app = Celery("app", broker="memory://", backend=f"redis://127.0.0.1:{sys.argv[1]}/{sys.argv[2]}")
app.conf.broker_transport_options = {"polling_interval": 0.01}
app.loader.import_task_module("celery.contrib.testing.tasks")


@app.task
def add(x, y):
    return x + y


@app.task
def fail():
    raise ValueError("on purpose")


with start_worker(app, pool="solo", perform_ping_check=False):
    result = add.delay(2, 3)
    assert result.get(timeout=60) == 5 and result.state == states.SUCCESS
    failed = fail.delay()
    assert isinstance(failed.get(timeout=60, propagate=False), ValueError)
    several = [add.delay(i, i) for i in range(5)]
    assert [one.get(timeout=60) for one in several] == [0, 2, 4, 6, 8]
    key = app.backend.get_key_for_task(result.id)
    assert 86_000 < app.backend.client.ttl(key) <= 86_400
    result.forget()
    assert app.backend.client.get(key) is None
