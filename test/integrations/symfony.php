<?php
// Symfony's RedisAdapter over phpredis: the contracts of its cache, and PSR-6. Without tags.

require_once "/usr/share/php/Symfony/Component/Cache/autoload.php";

use Symfony\Component\Cache\Adapter\RedisAdapter;
use Symfony\Contracts\Cache\ItemInterface;

function check(string $what, mixed $found, mixed $wanted): void
{
    if ($found === $wanted) return;
    fwrite(STDERR, "$what: " . json_encode($found) . ", not " . json_encode($wanted) . "\n");
    exit(1);
}

$client = RedisAdapter::createConnection("redis://127.0.0.1:$argv[1]/$argv[2]");
$cache = new RedisAdapter($client, namespace: "app", defaultLifetime: 60);

$computed = 0;
$compute = function (ItemInterface $item) use (&$computed) {
    $item->expiresAfter(60);
    return ++$computed;
};
check("get", [$cache->get("sum", $compute), $cache->get("sum", $compute)], [1, 1]);
$item = $cache->getItem("key");
check("isHit", $item->isHit(), false);
check("save", $cache->save($item->set(["a" => 1])), true);
check("getItem", $cache->getItem("key")->get(), ["a" => 1]);
check("ttl", $client->ttl("app:key") > 0, true);
for ($i = 0; $i < 5; $i++) $cache->saveDeferred($cache->getItem("item.$i")->set($i));
check("commit", $cache->commit(), true);
$values = [];
foreach ($cache->getItems(["item.1", "none", "item.4"]) as $key => $one) $values[$key] = $one->get();
ksort($values);
check("getItems", $values, ["item.1" => 1, "item.4" => 4, "none" => null]);
check("hasItem", [$cache->hasItem("key"), $cache->hasItem("none")], [true, false]);
check("deleteItems", $cache->deleteItems(["item.1", "none"]), true);
check("delete", $cache->delete("key"), true);
check("clear", $cache->clear("item"), true);
check("cleared", [$cache->hasItem("item.4"), $cache->hasItem("sum")], [false, true]);
check("clear all", $cache->clear(), true);
check("empty", $client->dbSize(), 0);
