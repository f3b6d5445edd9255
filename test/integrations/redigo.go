// redigo, a client for Go: its pool, pipelines, transactions and subscriptions.
package main

import (
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/gomodule/redigo/redis"
)

func check(what string, found, wanted interface{}) {
	if !reflect.DeepEqual(found, wanted) {
		fmt.Fprintf(os.Stderr, "%s: %#v, not %#v\n", what, found, wanted)
		os.Exit(1)
	}
}

// must gives the reply of a command that has to succeed.
func must(reply interface{}, err error) interface{} {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return reply
}

func main() {
	address := "127.0.0.1:" + os.Args[1]
	pool := &redis.Pool{
		MaxIdle: 3,
		Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", address) },
		TestOnBorrow: func(c redis.Conn, t time.Time) error {
			_, err := c.Do("PING")
			return err
		},
	}
	defer pool.Close()
	values(pool.Get())
	pipelines(pool.Get())
	messages(pool)
}

func values(c redis.Conn) {
	defer c.Close()
	check("set", must(c.Do("SET", "key", "value", "EX", 60)), "OK")
	check("get", must(redis.String(c.Do("GET", "key"))), "value")
	_, err := redis.String(c.Do("GET", "none"))
	check("none", err, redis.ErrNil)
	check("ttl", must(redis.Int(c.Do("TTL", "key"))).(int) > 0, true)
	args := redis.Args{}.AddFlat(map[string]int{"a": 1})
	check("mset", must(c.Do("MSET", args...)), "OK")
	check("mget", must(redis.Strings(c.Do("MGET", "a", "none"))), []string{"1", ""})
	check("incr", must(redis.Int64(c.Do("INCRBY", "n", 42))), int64(42))
	check("bytes", must(c.Do("SET", "bytes", []byte{0, 255})), "OK")
	check("scan", len(must(redis.Values(c.Do("SCAN", 0, "COUNT", 100))).([]interface{})), 2)
}

func pipelines(c redis.Conn) {
	defer c.Close()
	for i := 0; i < 100; i++ {
		must(nil, c.Send("SET", fmt.Sprint("p", i), i))
	}
	must(nil, c.Send("GET", "p50"))
	must(nil, c.Flush())
	for i := 0; i < 100; i++ {
		check("pipelined", must(c.Receive()), "OK")
	}
	check("last", must(redis.Int(c.Receive())), 50)
	must(nil, c.Send("MULTI"))
	must(nil, c.Send("INCR", "p1"))
	must(nil, c.Send("INCR", "p2"))
	check("exec", must(redis.Ints(c.Do("EXEC"))), []int{2, 3})
}

func messages(pool *redis.Pool) {
	subscriber := redis.PubSubConn{Conn: pool.Get()}
	defer subscriber.Close()
	must(nil, subscriber.Subscribe("news"))
	publisher := pool.Get()
	defer publisher.Close()
	for {
		switch got := subscriber.Receive().(type) {
		case redis.Subscription:
			must(publisher.Do("PUBLISH", "news", "hello"))
		case redis.Message:
			check("message", string(got.Data), "hello")
			return
		case error:
			must(nil, got)
		}
	}
}
