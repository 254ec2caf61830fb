// A trader's program on the released alor-api, unmodified, against a sandbox whose ready line is the first argument.
// Prints one JSON object of what alor-api reported.
"use strict";

const { AlorApi } = require("alor-api");

const venue = JSON.parse(process.argv[2]).venues.alor;
const exchange = "MOEX", portfolio = venue.credentials.portfolio;
const DEADLINE = 20_000;

// What alor-api says of its connections is not for standard output.
console.log = console.warn = (...words) => console.error(...words);

const client = (wssEndpoint) =>
  new AlorApi({ token: venue.credentials.refresh_token, endpoint: venue.http, authEndpoint: venue.oauth, wssEndpoint });

// Keeps what a subscription tells, and waits for what is looked for among it.
class Told {
  seen = [];
  waiting = [];
  take = (item) => {
    this.seen.push(item);
    this.waiting.forEach((look) => look());
  };
  until(wanted) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not told in time: ${wanted}`)), DEADLINE);
      const look = () => {
        const found = this.seen.find(wanted);
        if (found) {
          clearTimeout(late);
          resolve(found);
        }
      };
      this.waiting.push(look);
      look();
    });
  }
}

async function subscribed(api) {
  const said = {};
  const one = { exchange, code: "SBER" }, own = { exchange, portfolio };
  const wanted = {
    orderBook: { ...one, depth: 10, format: "Simple" },
    quotes: one,
    alltrades: { ...one, depth: 5 },
    candles: { ...one, tf: "60", from: Math.floor(Date.now() / 1000) - 600 },
    instruments: one,
    positions: own,
    summary: own,
    risks: own,
    spectraRisks: own,
  };
  for (const [name, request] of Object.entries(wanted)) {
    const told = new Told();
    const end = await api.subscriptions[name](request, told.take);
    said[name] = Object.keys(await told.until(() => true)).length;
    await end();
  }
  return said;
}

async function read(api) {
  const one = { exchange, symbol: "SBER" }, own = { exchange, portfolio };
  const [security, book, quotes, history, summary, positions, risk, forts, rates] = await Promise.all([
    api.instruments.getSecurityByExchangeAndSymbol(one),
    api.instruments.getOrderbookBySeccode({ exchange, seccode: "SBER", depth: 5 }),
    api.instruments.getQuotes({ symbols: "MOEX:SBER,MOEX:GAZP" }),
    api.instruments.getHistory({ ...one, tf: "60", from: 0, to: 32536799999, countBack: 5 }),
    api.clientInfo.getSummary(own),
    api.clientInfo.getPositions({ ...own, withoutCurrency: true }),
    api.clientInfo.getRisk(own),
    api.clientInfo.getFortsRisk(own),
    api.instruments.getRiskRates({ exchange, riskCategoryId: 1 }),
  ]);
  return {
    lot: security.lotsize,
    book: [book.bids.length, book.asks.length, book.bids[0].price < book.asks[0].price],
    quotes: quotes.map((quote) => quote.symbol),
    bars: history.history.length >= 5,
    buyingPower: summary.buyingPower,
    held: positions.map((position) => position.symbol).sort(),
    risk: risk.riskStatus,
    free: forts.moneyFree > 0,
    rates: rates.total,
    ask: book.asks[0].price,
  };
}

async function ordersOverHttp(api, orders, trades, ask) {
  const said = {}, order = { side: "buy", quantity: 1, instrument: { symbol: "SBER", exchange }, user: { portfolio } };
  const bought = await api.orders.sendLimitOrder({ ...order, price: Math.round(ask * 102) / 100, comment: "others" });
  const filled = await orders.until((o) => o.id === bought.orderNumber && o.status === "filled");
  const trade = await trades.until((t) => t.orderno === bought.orderNumber);
  said.filled = [filled.filledQtyBatch, filled.filledQtyUnits, filled.comment, trade.qty, trade.side];
  const rests = await api.orders.sendLimitOrder({ ...order, price: 200 });
  const changed = await api.orders.updateLimitOrder({ ...order, id: rests.orderNumber, price: 201, quantity: 2 });
  await orders.until((o) => o.id === rests.orderNumber && o.status === "canceled");
  const working = await orders.until((o) => o.id === changed.orderNumber && o.status === "working");
  said.changed = [changed.orderNumber !== rests.orderNumber, working.price, working.qtyBatch];
  // Its getOrderById names a variable it has not; the list holds the order as well.
  const listed = await api.clientInfo.getOrders({ exchange, portfolio });
  said.listed = listed.find((o) => o.id === changed.orderNumber).status;
  said.cancelled = await api.orders.cancelOrder({ orderId: changed.orderNumber, portfolio, exchange, stop: false });
  await orders.until((o) => o.id === changed.orderNumber && o.status === "canceled");
  said.refused = await api.orders.sendLimitOrder({ ...order, price: 200.001 }).catch((error) => error);
  const estimate = await api.orders.estimateOrder({ portfolio, exchange, ticker: "SBER", price: 250, lotQuantity: 2 });
  said.estimate = estimate.orderEvaluation;
  return said;
}

async function groupOfStops(api, stops) {
  const said = {}, members = [];
  for (const [condition, triggerPrice] of [["less", 150], ["more", 380]]) {
    const made = await api.stoporders.sendStopOrder({
      side: "sell",
      quantity: 1,
      condition,
      triggerPrice,
      stopEndUnixTime: 0,
      instrument: { symbol: "SBER", exchange },
      user: { portfolio },
    });
    members.push({ portfolio, exchange, orderId: made.orderNumber, type: "Stop" });
    await stops.until((stop) => stop.id === made.orderNumber && stop.status === "working");
  }
  const group = await api.orderGroups.createOrderGroup({ orders: members, executionPolicy: "OnExecuteOrCancel" });
  said.made = group.message;
  said.active = (await api.orderGroups.getOrderGroupById(group.groupId)).status;
  const first = members[0].orderId;
  await api.orders.cancelOrder({ orderId: first, portfolio, exchange, stop: true });
  await stops.until((stop) => stop.id === members[1].orderId && stop.status === "canceled");
  said.ended = (await api.orderGroups.getOrderGroups()).map((one) => one.status);
  return said;
}

async function ordersOverSocket(api, orders) {
  const said = {}, nothing = () => undefined;
  const order = { side: "buy", quantity: 3, instrument: { symbol: "SBER", exchange }, user: { portfolio } };
  said.unauthorised = await api.ordersWss
    .sendLimitOrder({ ...order, price: 199 }, nothing)
    .catch((error) => [error.httpCode, error.message]);
  await api.ordersWss.authorize({}, nothing);
  await api.ordersWss.sendLimitOrder({ ...order, price: 199, comment: "socket" }, nothing);
  const working = await orders.until((o) => o.comment === "socket" && o.status === "working");
  said.working = [working.price, working.qtyBatch];
  await api.ordersWss.cancelLimitOrder({ orderId: working.id, exchange, user: { portfolio } }, nothing);
  await orders.until((o) => o.id === working.id && o.status === "canceled");
  return said;
}

async function main() {
  const api = client(venue.ws), desk = client(venue.cws);
  await api.refreshToken();
  await desk.refreshToken();
  const said = { subscribed: await subscribed(api), read: await read(api) };
  const orders = new Told(), trades = new Told(), stops = new Told(), own = { exchange, portfolio };
  await api.subscriptions.orders(own, orders.take);
  await api.subscriptions.trades(own, trades.take);
  await api.subscriptions.stoporders(own, stops.take);
  said.http = await ordersOverHttp(api, orders, trades, said.read.ask);
  said.group = await groupOfStops(api, stops);
  said.socket = await ordersOverSocket(desk, orders);
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
