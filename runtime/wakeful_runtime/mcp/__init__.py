"""The node as tools for language models: an MCP server, over stdio and beside the web."""
