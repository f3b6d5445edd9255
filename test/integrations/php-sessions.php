<?php
// Sessions of PHP in the node by phpredis, each locked while a request has it.

ini_set("session.save_handler", "redis");
ini_set("session.save_path", "tcp://127.0.0.1:$argv[1]?database=$argv[2]&prefix=app:");
ini_set("redis.session.locking_enabled", "1");
ini_set("redis.session.lock_expire", "60");
ini_set("redis.session.lock_retries", "1");
ini_set("redis.session.lock_wait_time", "1000");
ini_set("session.use_cookies", "0");
ini_set("session.cache_limiter", "");
ini_set("session.gc_maxlifetime", "60");
ini_set("session.lazy_write", "1");

function check(string $what, mixed $found, mixed $wanted): void
{
    if ($found === $wanted) return;
    fwrite(STDERR, "$what: " . json_encode($found) . ", not " . json_encode($wanted) . "\n");
    exit(1);
}

$client = new Redis();
$client->connect("127.0.0.1", (int) $argv[1]);
$client->select((int) $argv[2]);

session_id("visitor");
session_start();
$_SESSION["views"] = 1;
$ttl = $client->ttl("app:visitor_LOCK");
check("locked", $ttl > 0 && $ttl <= 60, true);
session_write_close();
check("unlocked", $client->exists("app:visitor_LOCK"), 0);
$_SESSION = [];
session_start();
check("views", $_SESSION["views"], 1);
session_write_close();
$ttl = $client->ttl("app:visitor");
check("ttl", $ttl > 0 && $ttl <= 60, true);
session_start();
session_regenerate_id(true);
check("kept", $_SESSION["views"], 1);
check("old", $client->exists("app:visitor"), 0);
$id = session_id();
session_destroy();
check("destroyed", $client->exists("app:$id"), 0);
check("nothing left", $client->dbSize(), 0);
