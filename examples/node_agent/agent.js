// A session in Node.js: reads what it is told from the environment, says what it does by lines to $WAKEFUL_FD.
// It uses nothing but Node's own library. `wakeful run examples/node_agent/tree.py:tree` runs it.
"use strict";

const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");

// Outside a node there is no descriptor: then it only prints, so that the same file runs by hand.
const channel = process.env.WAKEFUL_FD ? Number(process.env.WAKEFUL_FD) : null;

function say(key, value) {
  const line = `${key}=${value}\n`;
  if (channel === null) process.stdout.write(line);
  else fs.writeSync(channel, line);
}

// What the life before this one remembered; nothing at first.
function remembered() {
  const file = process.env.WAKEFUL_STATE;
  return file ? JSON.parse(fs.readFileSync(file, "utf8")) : { done: {} };
}

function remember(name, notes) {
  say("X_WAKEFUL_STATE", JSON.stringify(notes));
  say("X_WAKEFUL_CHECKPOINT", name);
}

async function summarize(task, page) {
  await sleep(Number(process.env.STEP_MS || 200)); // the model call, the fetch: whatever takes time
  return `${task}: page ${page}`;
}

async function main() {
  const task = process.env.WAKEFUL_TASK || "a topic";
  const pages = (JSON.parse(process.env.WAKEFUL_ARGS || "{}").pages || 5);
  const notes = remembered();

  // A sign of life from the event loop itself: a blocked loop can't send it.
  const within = Number(process.env.WATCHDOG_USEC || 0) / 1000;
  if (within) setInterval(() => say("WATCHDOG", 1), within / 3).unref();

  say("READY", 1);
  for (let page = 1; page <= pages; page += 1) {
    if (notes.done[page]) continue;
    say("STATUS", `reading page ${page}`);
    notes.done[page] = await summarize(task, page);
    console.log(`page ${page} of ${pages} is done`);
    remember(`page-${page}`, notes);
    say("X_WAKEFUL_PROGRESS", `${page}/${pages}`);
  }
  say("X_WAKEFUL_RESULT", JSON.stringify(notes.done));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
