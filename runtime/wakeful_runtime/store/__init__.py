"""The store: one process writes for the node, everybody else asks it.

`client.StoreClient` asks; `server.main` is the process; `reader` reads the history of a node that doesn't run.
The operations are the functions listed in `ops`, asked by their names with their keyword arguments.
"""

from wakeful_runtime.store.reader import Reader, reader

__all__ = ["Reader", "reader"]
