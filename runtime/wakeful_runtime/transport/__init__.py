"""ZeroMQ: the mailbox lane, the control lane and the store's request lane. Nothing else imports zmq."""
