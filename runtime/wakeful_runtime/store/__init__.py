"""The store: one process writes for the node, everybody else asks it.

`client.StoreClient` asks; `server.main` is the process; `reader.reader` reads the history of a node that doesn't run.
The operations are the functions named in `ops.py`, called by their names with their keyword arguments.
"""
