"""Any program as a session: a host that runs it, hears what it says, and answers for it."""
