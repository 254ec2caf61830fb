"""What is measured beside what: each a program that takes one JSON object, `result.Asked`, and prints another.

`seconds` run from the first update to the last, `cpu` is what the process burned meanwhile; `digest` is of the book it
ended with, the same for all that keep one; `version` says which release of whose client it was.
"""
