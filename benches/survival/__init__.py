"""What each client does when the venue, or the network, misbehaves: one fault at a time, on this machine.

A *witness* is a small program round one client: it keeps a book with that client's own means and says, twenty times a
second, what the client would hand to its user now. The sandbox knows the truth and counts the dials. `verdict` holds
the two against each other. `make survival` writes `docs/survival.md`.
"""
