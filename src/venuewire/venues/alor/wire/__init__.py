"""ALOR's messages as ALOR documents them, both ways, by subject: access, frames, market, account, commands.

Facts are numbered as the venue's fact sheet numbers them (2.2, 3.6.1, ...); "SPEC" is ALOR's OpenAPI document of
08.08.2025, "S0" and "S3" its pages on `authorize` and on starting with production. Times on the wire are Unix
seconds, Unix milliseconds or ISO 8601 text with seven decimals, as each field says; prices and money are JSON numbers.

Most data records exist twice, once for each format in which they travel (`Simple`, `Slim`): the same attributes under
other keys, so that whoever reads them need not know the format.
"""
