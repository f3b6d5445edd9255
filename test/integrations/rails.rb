# Rails' RedisCacheStore: what the guides show of it, with the counters that rate limits use.

require "active_support"
require "active_support/cache"
require "active_support/cache/redis_cache_store"
require "active_support/notifications"

def check(what, found, wanted)
  abort "#{what}: #{found.inspect}, not #{wanted.inspect}" unless found == wanted
end

errors = []
cache = ActiveSupport::Cache::RedisCacheStore.new(
  url: "redis://127.0.0.1:#{ARGV[0]}/#{ARGV[1]}",
  namespace: "app",
  expires_in: 60,
  error_handler: ->(method:, returning:, exception:) { errors << [method, exception] },
)

check "write", cache.write("key", { "a" => 1 }), "OK"
check "read", cache.read("key"), { "a" => 1 }
check "exist?", [cache.exist?("key"), cache.exist?("none")], [true, false]
check "fetch", [1, 2].map { |n| cache.fetch("sum") { n } }, [1, 1]
check "unless_exist", cache.write("key", 2, unless_exist: true), false
cache.write("raced", 1, expires_in: 60, race_condition_ttl: 10)
cache.write("large", "x" * 100_000, compress: true)
check "compressed", cache.read("large").size, 100_000
cache.write_multi({ "b" => 1, "c" => 2 })
check "read_multi", cache.read_multi("b", "none", "c"), { "b" => 1, "c" => 2 }
check "fetch_multi", cache.fetch_multi("b", "d") { |key| key * 2 }, { "b" => 1, "d" => "dd" }
check "increment", [cache.increment("n"), cache.increment("n", 4)], [1, 5]
check "decrement", cache.decrement("n", 2), 3
check "raw", cache.read("n", raw: true), "3"
cache.write("counter", 1, raw: true, expires_in: 60)
check "increment of a raw value", cache.increment("counter"), 2
cache.delete_matched("[bc]")
check "delete_matched", cache.read_multi("b", "c"), {}
check "delete", cache.delete("key"), 1
check "delete_multi", cache.delete_multi(%w[sum d none]), 2
check "ttl", cache.redis.ttl("app:counter").between?(1, 60), true
cache.clear
check "clear", cache.redis.keys("*"), []
check "errors", errors, []
