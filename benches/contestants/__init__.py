"""What is measured beside what: each a program, `<program> URL FRAMES`, that prints one JSON object.

`seconds` run from the first update to the last, `cpu` is what the process burned meanwhile; `digest` is of the book it
ended with, the same for all that keep one.
"""
