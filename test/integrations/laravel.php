<?php
// Laravel's cache over phpredis; without add(), locks and tags, which are scripts and sorted sets.

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
check("flush", $cache->flush(), true);
check("empty", $cache->get("a"), null);
