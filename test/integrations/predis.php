<?php
// Predis, a client in PHP alone: commands, pipelines, transactions, iterators and a subscription.

require_once "/usr/share/php/Predis/autoload.php";

function check(string $what, mixed $found, mixed $wanted): void
{
    if ($found === $wanted) return;
    fwrite(STDERR, "$what: " . json_encode($found) . ", not " . json_encode($wanted) . "\n");
    exit(1);
}

$address = ["scheme" => "tcp", "host" => "127.0.0.1", "port" => $argv[1], "database" => $argv[2]];
$client = new Predis\Client($address, ["prefix" => "app:"]);
check("set", (string) $client->set("key", "value", "EX", 60, "NX"), "OK");
check("set nx", $client->set("key", "other", "NX"), null);
check("get", $client->get("key"), "value");
check("ttl", $client->ttl("key") > 0, true);
check("setex", (string) $client->setex("short", 60, "x"), "OK");
check("mset", (string) $client->mset(["a" => 1, "b" => 2]), "OK");
check("mget", $client->mget(["a", "none", "b"]), ["1", null, "2"]);
check("incrby", $client->incrby("a", 41), 42);
$replies = $client->pipeline(function ($pipe) {
    for ($i = 0; $i < 100; $i++) $pipe->set("p:$i", $i);
    $pipe->get("p:50");
});
check("pipeline", [count($replies), $replies[100]], [101, "50"]);
check("multi", $client->transaction()->incr("b")->get("b")->execute(), [3, "3"]);
$options = ["cas" => true, "watch" => "app:b", "retry" => 3];
$client->transaction($options, function ($transaction) {
    $value = $transaction->get("b");
    $transaction->multi();
    $transaction->set("b", $value + 1);
});
check("compare and set", $client->get("b"), "4");
$keys = iterator_to_array(new Predis\Collection\Iterator\Keyspace($client, "app:p:*", 10), false);
check("scan", count(array_unique($keys)), 100);
check("del", $client->del(["a", "b"]), 2);
check("info", $client->info("server")["Server"]["redis_mode"], "standalone");

$publisher = new Predis\Client($address);
$loop = (new Predis\Client($address + ["read_write_timeout" => 60]))->pubSubLoop();
$loop->subscribe("news");
foreach ($loop as $message) {
    if ($message->kind === "subscribe") $publisher->publish("news", "hello");
    if ($message->kind !== "message") continue;
    check("message", $message->payload, "hello");
    $loop->unsubscribe();
}
check("flush", (string) $client->flushdb(), "OK");
