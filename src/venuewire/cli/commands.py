"""The command line: names, options, help. What a command does is in its own module, imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter

from venuewire._version import __version__
from venuewire.cli import running
from venuewire.cli.outcome import FINE, USAGE, complain, guarded, keep_logs_short


def version_text() -> str:
    """Version, and what of it is compiled here."""
    from venuewire.book.twins import core
    from venuewire.sandbox.twins import exchange

    return f"venuewire {__version__} ({core()}, {exchange()})"


def _settings(name: str, text: str) -> App:
    return App(
        name=name,
        help=text,
        version=version_text,
        help_format="plaintext",
        print_error=False,
        exit_on_error=False,
        help_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        default_parameter=Parameter(negative=(), show_default=False),
    )


app = _settings(
    "venuewire",
    "Trading sessions with several venues, kept alive; and a sandbox that speaks the wire protocol of all of them.\n\n"
    "Begin with `venuewire demo`. Exit status: 0 fine, 1 the job failed, 2 wrong usage or bad input.",
)
order = _settings("order", "Place, change, cancel and list orders.")
app.command(order)
app.register_install_completion_command()  # pyright: ignore[reportUnknownMemberType]  # its **kwargs


def _positive(_kind: object, value: object) -> None:
    if isinstance(value, float) and not (isfinite(value) and value > 0):
        raise ValueError("it must be above zero")


def _port(_kind: object, value: object) -> None:
    if isinstance(value, int) and not 0 <= value <= 65535:
        raise ValueError("it must be between 0 and 65535")


def _depth(_kind: object, value: object) -> None:
    if isinstance(value, int) and not 1 <= value <= 1000:
        raise ValueError("it must be between 1 and 1000")


Seconds = Annotated[float | None, Parameter(validator=_positive)]
Json = Annotated[bool, Parameter(name="--json", help="For machines: JSON on standard output.")]
Venues = Annotated[str | None, Parameter(help="Which venues, parted by commas. Default: all.")]
Seed = Annotated[int, Parameter(help="Another seed, another market and other credentials. Default: 1.")]
Tls = Annotated[bool, Parameter(help="TLS, with a certificate authority made at start.")]
ControlUrl = Annotated[
    str | None,
    Parameter(
        env_var="VENUEWIRE_SANDBOX",
        help="Control address of a running sandbox, instead of the real venue (its ready line shows it).",
    ),
]
Target = Annotated[str, Parameter(name="VENUE:SYMBOL")]


@app.command
def demo(
    *, seconds: Seconds = None, json: Json = False, venues: Venues = None, seed: Seed = 1, tls: Tls = False
) -> int:
    """Run everything on this machine: a sandbox, and all venues logged on to it, streaming and trading.

    Exit status 0 only if every venue was logged on, kept a book equal to the exchange's, and had one order filled
    and another canceled.

    Parameters
    ----------
    seconds
        How long. Default: until Ctrl-C on a terminal, else 8.
    """
    from venuewire.cli.demo import Options, demo
    from venuewire.cli.places import venues as named

    options = Options(venues=named(venues), seconds=seconds, as_json=json, seed=seed, tls=tls)
    return running.run(lambda stop: demo(options, stop))


@app.command
def sandbox(
    *,
    venues: Venues = None,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=_port)] = 0,
    tls: Tls = False,
    seed: Seed = 1,
    clock: Annotated[float, Parameter(validator=_positive)] = 1.0,
    faults: Annotated[str | None, Parameter(name="--faults", help="A file of faults to begin with: JSON.")] = None,
) -> int:
    """Serve all venues on this machine, for any client in any language, until Ctrl-C.

    Prints one JSON line with addresses and credentials when it listens; logs go to standard error.

    Parameters
    ----------
    host
        Address to listen on. Default: 127.0.0.1.
    port
        The control port; the venues' follow it, in the order of the ready line. Default: the system chooses.
    clock
        How many times faster than real its time goes. Default: 1.
    """
    from venuewire.cli.places import venues as named
    from venuewire.cli.serve import Options, serve

    options = Options(venues=named(venues), host=host, port=port, tls=tls, seed=seed, clock=clock, faults=faults)
    return running.run(lambda stop: serve(options, stop))


@app.command
def watch(
    *targets: Annotated[str, Parameter(name="VENUE:SYMBOL", required=True)],
    depth: Annotated[int, Parameter(validator=_depth)] = 10,
    seconds: Seconds = None,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Watch books: levels, trust, trades, and how the session stands.

    Parameters
    ----------
    targets
        What to watch, such as coinbase:BTC-USD; parted at the first colon.
    depth
        Levels a side. Default: 10.
    seconds
        How long. Default: until Ctrl-C.
    """
    from venuewire.cli import places
    from venuewire.cli.watch import Options, watch

    wanted = tuple(places.place(target) for target in targets)
    options = Options(places=wanted, depth=depth, seconds=seconds, as_json=json, sandbox=sandbox)
    return watch(options)


@app.command
def bench(
    *, seconds: Annotated[float, Parameter(validator=_positive)] = 15.0, venues: Venues = None, json: Json = False
) -> int:
    """Measure this machine: how many book messages a second at each venue, and how late they are told at a fixed pace.

    Against a sandbox of its own, in a process of its own; nothing leaves this machine. Each part is measured once at
    the least, which takes about eight seconds.

    Parameters
    ----------
    seconds
        How long in all, about; more rounds where there is time. Default: 15.
    """
    from venuewire.cli.bench.command import Options, bench
    from venuewire.cli.places import venues as named

    options = Options(venues=named(venues), seconds=seconds, as_json=json)
    return running.run(lambda stop: bench(options, stop))


TERMS = Group("Terms of the order")


@order.command
def place(
    target: Target,
    side: Literal["buy", "sell"],
    qty: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    price: Annotated[str | None, Parameter(group=TERMS, allow_leading_hyphen=True)] = None,
    ord_type: Annotated[
        Literal["market", "limit", "stop", "stop-limit"] | None, Parameter(name="--type", group=TERMS)
    ] = None,
    stop_px: Annotated[str | None, Parameter(group=TERMS, allow_leading_hyphen=True)] = None,
    tif: Annotated[Literal["day", "gtc", "ioc", "fok", "gtd"] | None, Parameter(group=TERMS)] = None,
    expires: Annotated[str | None, Parameter(group=TERMS)] = None,
    post_only: Annotated[bool, Parameter(group=TERMS)] = False,
    cl_ord_id: Annotated[str, Parameter(group=TERMS)] = "",
    yes: bool = False,
    dry_run: bool = False,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Place an order and wait for the venue's answer.

    An order that would leave this machine is confirmed on the terminal first.

    Parameters
    ----------
    target
        Where, such as coinbase:BTC-USD; parted at the first colon.
    qty
        In units of what is traded (shares, coins), never lots.
    price
        Limit.
    ord_type
        Default: limit with a price, market without.
    stop_px
        Price that triggers a stop order.
    tif
        Time in force. Default: the venue's ordinary one.
    expires
        End of a gtd order, such as 2027-01-31T18:00:00Z.
    post_only
        Refused rather than matched on arrival.
    cl_ord_id
        Our id of it. Default: one is made.
    yes
        Do not ask.
    dry_run
        Log on, check the order, and say what would be sent; send nothing.
    """
    from venuewire.cli import order as orders
    from venuewire.cli import places

    terms = orders.Terms(
        side=side,
        qty=qty,
        price=price,
        ord_type=ord_type,
        stop_px=stop_px,
        tif=tif,
        expires=expires,
        post_only=post_only,
        cl_ord_id=cl_ord_id,
    )
    access = orders.Access(sandbox=sandbox, as_json=json, yes=yes, dry_run=dry_run)
    return orders.place(places.place(target), terms, access)


@order.command
def cancel(
    target: Target,
    order_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Cancel an open order.

    Parameters
    ----------
    target
        Where, such as coinbase:BTC-USD; parted at the first colon.
    order_id
        The venue's id of it, or ours.
    """
    from venuewire.cli import order as orders
    from venuewire.cli import places

    access = orders.Access(sandbox=sandbox, as_json=json)
    return orders.cancel(places.place(target), order_id, access)


OrderId = Annotated[str, Parameter(name="ID")]


@order.command
def replace(
    target: Target,
    order_id: OrderId,
    /,
    *,
    qty: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    price: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    stop_px: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    yes: bool = False,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Change an open order. What is not given stays.

    Parameters
    ----------
    target
        Where, such as coinbase:BTC-USD; parted at the first colon.
    order_id
        The venue's id of it, or ours.
    qty
        All of it, in units, filled parts included.
    price
        Limit.
    stop_px
        Price that triggers a stop order.
    yes
        Do not ask.
    """
    from venuewire.cli import order as orders
    from venuewire.cli import places

    change = orders.Change(qty=qty, price=price, stop_px=stop_px)
    access = orders.Access(sandbox=sandbox, as_json=json, yes=yes)
    return orders.replace(places.place(target), order_id, change, access)


@order.command
def show(target: Target, order_id: OrderId, /, *, json: Json = False, sandbox: ControlUrl = None) -> int:
    """Show one order: open, or among those the venue still tells of.

    Parameters
    ----------
    target
        Where, such as coinbase:BTC-USD; parted at the first colon.
    order_id
        The venue's id of it, or ours.
    """
    from venuewire.cli import order as orders
    from venuewire.cli import places

    return orders.show(places.place(target), order_id, orders.Access(sandbox=sandbox, as_json=json))


@order.command
def fills(target: Target, order_id: OrderId, /, *, json: Json = False, sandbox: ControlUrl = None) -> int:
    """Show the fills of one order: open, or among those the venue still tells of.

    Parameters
    ----------
    target
        Where, such as coinbase:BTC-USD; parted at the first colon.
    order_id
        The venue's id of it, or ours.
    """
    from venuewire.cli import order as orders
    from venuewire.cli import places

    return orders.fills(places.place(target), order_id, orders.Access(sandbox=sandbox, as_json=json))


VenueName = Annotated[str, Parameter(name="VENUE", help="Which venue.")]


@app.command
def positions(venue: VenueName, /, *, json: Json = False, sandbox: ControlUrl = None) -> int:
    """Show what is held of each instrument, as the venue has it now."""
    from venuewire.cli import account
    from venuewire.cli.order import Access

    return account.positions(venue, Access(sandbox=sandbox, as_json=json))


@app.command
def balances(venue: VenueName, /, *, json: Json = False, sandbox: ControlUrl = None) -> int:
    """Show money and coins, as the venue has them now."""
    from venuewire.cli import account
    from venuewire.cli.order import Access

    return account.balances(venue, Access(sandbox=sandbox, as_json=json))


@app.command
def kill(
    venue: VenueName,
    /,
    *,
    seconds: Annotated[float, Parameter(validator=_positive)] = 10.0,
    yes: bool = False,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Cancel every open order of the account, whoever placed it, and have it confirmed.

    Exit status 1 when something could not be confirmed in time: look at the venue itself.

    Parameters
    ----------
    seconds
        How long to wait for the venue's word. Default: 10.
    yes
        Do not ask.
    """
    from venuewire.cli import account
    from venuewire.cli.order import Access

    terms = account.KillTerms(seconds=seconds)
    return account.kill(venue, terms, Access(sandbox=sandbox, as_json=json, yes=yes))


@app.command
def guard(
    venue: VenueName,
    /,
    *,
    at: str,
    later: Annotated[float, Parameter(validator=_positive)] = 300.0,
    json: Json = False,
) -> int:
    """Guard one client: cancel its orders, and no others, when it is killed, crashes or hangs.

    Waits for a client with `guard=Guard(at=...)`, learns from it who it is and what it places, and ends with it. Exit
    status 0 when the client said goodbye, or when every order of it was cancelled and confirmed in time; 1 when not.

    Parameters
    ----------
    at
        Where to listen: a socket that is made there, for this user alone.
    later
        Seconds for which it goes on trying after the time that the client stated has passed. Default: 300.
    """
    from venuewire.cli.guard import guard as run_guard

    return run_guard(venue, at, later=later, as_json=json)


@app.command
def login(
    venue: VenueName,
    /,
    *,
    no_browser: bool = False,
    redirect: str = "http://127.0.0.1:0/",
    seconds: Annotated[float, Parameter(validator=_positive)] = 300.0,
    store: str | None = None,
    json: Json = False,
    sandbox: ControlUrl = None,
) -> int:
    """Log in for the first time, where the owner of an account gives consent in a browser.

    The tokens are kept in the venue's `store`, or where its other credentials are.

    Parameters
    ----------
    no_browser
        Only print the address to open.
    redirect
        Where the browser is sent back to, as it is registered for the application. Default: a free port of 127.0.0.1.
    seconds
        How long to wait for consent. Default: 300.
    store
        A file for the tokens. Default: the configured one.
    """
    from venuewire.cli.login import Terms
    from venuewire.cli.login import login as log_in

    terms = Terms(
        redirect=redirect, browser=not no_browser, seconds=seconds, store=store, sandbox=sandbox, as_json=json
    )
    return log_in(venue, terms)


@order.command(name="list")
def list_(venue: Annotated[str, Parameter(name="VENUE")], /, *, json: Json = False, sandbox: ControlUrl = None) -> int:
    """List the open orders of the account, as the venue has them now.

    Parameters
    ----------
    venue
        Which venue.
    """
    from venuewire.cli import order as orders

    access = orders.Access(sandbox=sandbox, as_json=json)
    return orders.list_open(venue, access)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit status."""
    keep_logs_short()
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        status = app(list(arguments))
    except CycloptsError as error:
        complain(f"{error} (see venuewire --help)")
        return USAGE
    # Help and version have been printed and return nothing.
    return status if isinstance(status, int) else FINE
