// The venue's documented example of application and account authentication in JavaScript, with its address and
// credentials taken from a sandbox's ready line, and an end after the last documented line has come twice.
const venue = JSON.parse(process.argv[2]).venues.ctrader;
const { clientId, clientSecret, accountId: ctidTraderAccountId, accessToken } = venue.credentials;
const ws = new WebSocket(venue.ws);
const { log } = console;
const sleep = (secs) => new Promise((r) => setTimeout(r, secs * 1000));
const CHECK_INTERVAL_SECS = 0.2;
let fullyAuthenticated = false;

ws.onopen = function () {
  log('connected to server');
  ws.send(JSON.stringify({ payloadType: 2100, payload: { clientId, clientSecret } }));
  log('requested application authentication');
};

ws.onmessage = function (e) {
  const serverMsg = JSON.parse(e.data);
  if (serverMsg.payloadType === 2142) {
    log('server responded with error:', serverMsg.payload);
    return;
  }
  if (serverMsg.payloadType === 2101) {
    log('application authentication completed');
    ws.send(JSON.stringify({ payloadType: 2102, payload: { ctidTraderAccountId, accessToken } }));
    log('requested account authentication');
  }
  if (serverMsg.payloadType === 2103) {
    log('account authentication completed');
    fullyAuthenticated = true;
  }
};

ws.onclose = function ({ code, reason, wasClean }) {
  log('connection closed', { code, reason, wasClean });
};

(async () => {
  let said = 0;
  while (said < 2) {
    await sleep(0);
    if (ws.readyState !== WebSocket.OPEN) continue;
    if (!fullyAuthenticated) continue;
    log('fully authenticated and ready for more communication with the server');
    said += 1;
    await sleep(CHECK_INTERVAL_SECS);
  }
  process.exit(0);
})();
