"""The rim: the only place with sockets, TLS, clocks and randomness."""
