"""A Node.js agent under supervision: `wakeful run examples/node_agent/tree.py:tree`."""

from wakeful import Child, Command, Gateway, Heartbeat, Monitor

agent = Command(
    "node",
    "agent.js",
    alive="notify",  # WATCHDOG=1 must come within `every + timeout` seconds
    never_restart=[78],  # EX_CONFIG: a wrong configuration stays wrong
)

tree = Gateway(
    Monitor(
        "readers",
        Child("papers", agent, task="actor systems", args={"pages": 20}, heartbeat=Heartbeat(every=2, timeout=3)),
    ),
)
