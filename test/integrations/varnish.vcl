// Varnish counts visits and keeps a value in the node by libvmod-redis, and runs a script there.
vcl 4.1;

import redis;

backend default none;

sub vcl_init {
	new db = redis.db(location = "127.0.0.1:6379", connection_timeout = 60000, command_timeout = 60000);
}

sub vcl_recv {
	db.command("INCR");
	db.push("visits:" + req.url);
	db.execute();
	set req.http.visits = db.get_integer_reply();
	db.command("SET");
	db.push("seen");
	db.push(req.url);
	db.push("EX");
	db.push("60");
	db.execute();
	db.command("EVAL");
	db.push({"
		local all = redis.call("INCR", KEYS[1])
		redis.call("EXPIRE", KEYS[1], ARGV[1])
		return all
	"});
	db.push("1");
	db.push("all");
	db.push("60");
	db.execute();
	set req.http.visits = req.http.visits + " " + db.get_integer_reply();
	db.command("GET");
	db.push("seen");
	db.execute();
	return (synth(200, db.get_string_reply() + " " + req.http.visits));
}

sub vcl_synth {
	synthetic(resp.reason);
	return (deliver);
}
