"""cTrader Open API over JSON: the messages, both ways, as the schema and the help pages document them.

Page names are those of the fact sheet's tags: PROTO (OpenApiMessages.proto, OpenApiModelMessages.proto,
OpenApiCommonMessages.proto), HELP (sending and receiving JSON), DOC21 (account authentication). A record is named as
in the schema without its `ProtoOA` prefix; its fields are the schema's, in the schema's order, camelCase on the wire.

Unset optionals are absent, never null; empty lists are absent. What the schema calls required is required here only
where nothing can be done without it: an execution is not thrown away because a field nobody needs is missing.
Enumerations travel as integers, so a number nobody knows yet is no damage; requests may also name them.
Prices of market data are integers of 1/100000; volumes are hundredths of a unit; prices of orders are JSON numbers.
"""
