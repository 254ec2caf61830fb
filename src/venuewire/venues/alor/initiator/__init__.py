"""Our end: commands to frames and requests, frames and answers to events."""
