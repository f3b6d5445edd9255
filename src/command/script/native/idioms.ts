// Two scripts in words of our own that run natively, for whoever has none yet: the lock that only
// its owner releases, and the fixed window of a rate limiter. `bench scripts` measures them.

/** KEYS lock; ARGV its value. 1 if the lock had that value, and is gone; else 0. */
export const unlockScript = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call("DEL", KEYS[1])
`.trim();

/** KEYS counter; ARGV seconds. The requests since the first one of the window. */
export const windowScript = `
local requests = redis.call("INCR", KEYS[1])
if requests == 1 then redis.call("EXPIRE", KEYS[1], ARGV[1]) end
return requests
`.trim();
