#!/usr/bin/env bun
// The entry of the program and of the binary: arguments in, exit status out. What the arguments
// mean is decided in cli/run.ts; nobody imports this file.

import { runCli } from "./cli/run.ts";

process.exit(await runCli(process.argv.slice(2)));
