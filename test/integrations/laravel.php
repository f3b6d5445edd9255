<?php
// Laravel's cache over phpredis, with locks and what limits concurrency; without tags, which are
// sorted sets.

require_once "/usr/share/php/Illuminate/Cache/autoload.php";
require_once "/usr/share/php/Illuminate/Container/autoload.php";
require_once "/usr/share/php/Illuminate/Redis/autoload.php";

use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Container\Container;
use Illuminate\Redis\RedisManager;

function check(string $what, mixed $found, mixed $wanted): void
{
    if ($found === $wanted) return;
    fwrite(STDERR, "$what: " . json_encode($found) . ", not " . json_encode($wanted) . "\n");
    exit(1);
}

$server = ["host" => "127.0.0.1", "port" => $argv[1], "database" => $argv[2]];
$redis = new RedisManager(new Container(), "phpredis", ["cache" => $server]);
$cache = new Repository(new RedisStore($redis, "app_cache_", "cache"));

check("put", $cache->put("key", ["a" => 1], 60), true);
check("get", $cache->get("key"), ["a" => 1]);
check("default", $cache->get("none", "default"), "default");
check("has", [$cache->has("key"), $cache->has("none")], [true, false]);
$computed = 0;
$remember = fn () => $cache->remember("sum", 60, function () use (&$computed) {
    return ++$computed;
});
check("remember", [$remember(), (int) $remember()], [1, 1]);
check("putMany", $cache->putMany(["a" => 1, "b" => "two"], 60), true);
check("many", $cache->many(["b", "none"]), ["b" => "two", "none" => null]);
check("increment", [$cache->increment("n"), $cache->increment("n", 4)], [1, 5]);
check("decrement", $cache->decrement("n", 2), 3);
check("forever", $cache->forever("kept", "yes"), true);
check("pull", [$cache->pull("kept"), $cache->get("kept")], ["yes", null]);
check("forget", [$cache->forget("key"), $cache->get("key")], [true, null]);

// What follows is scripts.
check("add", [$cache->add("once", 1, 60), $cache->add("once", 2, 60)], [true, false]);
$ttl = $redis->connection("cache")->ttl("app_cache_:once");
check("ttl", $ttl > 0 && $ttl <= 60, true);
$lock = $cache->lock("job", 60);
$other = $cache->lock("job", 60);
check("lock", [$lock->get(), $other->get()], [true, false]);
check("release", [$other->release(), $lock->release(), $lock->release()], [false, true, false]);
$same = $cache->restoreLock("job", $other->owner());
check("restore", [$other->get(), $same->release()], [true, true]);
check("block", $cache->lock("job", 60)->block(1, fn () => "done"), "done");
$enter = fn (callable $do) => $redis->connection("cache")->funnel("reports")->limit(2)
    ->releaseAfter(60)->block(0)->then($do, fn () => "full");
check("funnel", $enter(fn () => $enter(fn () => $enter(fn () => "third"))), "full");
check("left", $enter(fn () => "first"), "first");

check("flush", $cache->flush(), true);
check("empty", $cache->get("a"), null);
