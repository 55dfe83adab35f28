"""The node over HTTP: the API, the journal as a stream, and MCP; one process, the node's own actor `web`."""
