// What must be one step in the server, as Lua that Redis 7 and MSCache run alike: whatever depends
// on whether a lock is still ours, and the numbers of generations.
// Invariant: a number goes through Lua only below 2^53 and is written by %.0f, as tostring() keeps
// 14 digits.

/**
 * Stores the value if the lock is ours, and gives the lock back; wakes who waits for it in any
 * case. KEYS: lock, value, mark of who waits. ARGV: token, bytes, lifetime in ms or "". 1: stored.
 * The channel has the name of the mark. Without a mark nobody is told, unless the lock has gone and
 * the mark may have gone with it: on a node of several data threads, PUBLISH costs thirty times as
 * much as the rest.
 */
export const storeScript = `
local ours = redis.call('GET', KEYS[1]) == ARGV[1]
if ours then
  if ARGV[3] == '' then redis.call('SET', KEYS[2], ARGV[2])
  else redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
  redis.call('DEL', KEYS[1])
end
if redis.call('DEL', KEYS[3]) == 1 or not ours then redis.call('PUBLISH', KEYS[3], 'd') end
return ours and 1 or 0`;

/**
 * Gives the lock back, or leaves it for some time so that nobody tries again before; wakes who
 * waits. KEYS: lock, mark of who waits. ARGV: token, ms or "0", message.
 */
export const releaseScript = `
local ours = redis.call('GET', KEYS[1]) == ARGV[1]
if ours then
  if ARGV[2] == '0' then redis.call('DEL', KEYS[1])
  else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
if redis.call('DEL', KEYS[2]) == 1 or not ours then
  redis.call('PUBLISH', KEYS[2], ARGV[3])
end
return 1`;

/** KEYS: lock. ARGV: token, ms. 1: it is ours for so long. */
export const extendScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

/**
 * Gives generations a new number: both halves ("expire"), or the second ("invalidate"), by which
 * entries are stale and not gone. KEYS: the counter, then generations. ARGV: a first number if the
 * counter was evicted, the verb, four random characters, lifetime in ms.
 */
export const bumpScript = `
local n = redis.call('INCR', KEYS[1])
if n == 1 then
  redis.call('SET', KEYS[1], ARGV[1])
  n = tonumber(ARGV[1])
end
local half = string.format('%016.0f', n) .. ARGV[3]
for i = 2, #KEYS do
  local head = half
  if ARGV[2] == 'invalidate' then
    local old = redis.call('GET', KEYS[i])
    if old and #old == 40 then head = string.sub(old, 1, 20) end
  end
  redis.call('SET', KEYS[i], head .. half, 'PX', ARGV[4])
end
return 1`;
