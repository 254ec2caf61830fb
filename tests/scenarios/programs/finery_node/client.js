// The client of the page "Websocket API": its handshake, its bind, its request. Address and keys come from the ready
// line, the first argument; what the page leaves as a name (`side`) is given. Prints what it was told, as JSON lines.
const CryptoJS = require("crypto-js")
const WebSocket = require("ws")

const venue = JSON.parse(process.argv[2]).venues.finery
const key = venue.credentials.key
const secret = venue.credentials.secret
const side = "bid"

let content = JSON.stringify({
  "nonce": 12345,
  "timestamp": new Date().valueOf()
})
let signature = CryptoJS.HmacSHA384(content, secret).toString(CryptoJS.enc.Base64)
const ws_client = new WebSocket(venue.ws, {
  headers: {
    'EFX-Key': key,
    'EFX-Sign': signature,
    'EFX-Content': content
  }
})

function bind() {
  data = {
    "event": "bind",
    "feed": "B",
    "feedId": 42,
  }
  const payload = JSON.stringify(data)
  ws_client.send(payload)
}

function unbind() {
  data = {
    event: "unbind",
    feed: "B",
    feedId: 42,
  }
  const payload = JSON.stringify(data)
  ws_client.send(payload)
}

function add() {
  data = {
    event: "request",
    reqId: 1234,
    method: "add",
    content: {
      instrument: "BTC-EUR",
      clientOrderId: 1,
      size: 100000,
      side: side,
      type: "marketIOC",
      cod: false
    }
  }
  const payload = JSON.stringify(data)
  ws_client.send(payload)
}

let bound = false
ws_client.on("unexpected-response", (request, response) => {
  response.on("data", (body) => console.log(JSON.stringify({ status: response.statusCode, body: body.toString() })))
  response.on("end", () => process.exit(3))
})
ws_client.on("message", (text) => {
  const told = JSON.parse(text)
  if (Array.isArray(told)) {
    const [feed, , action] = told
    if (feed === "X") {
      bind()
    } else if (action === "S" && !bound) {
      bound = true
      add()
    } else if (action === "S" || action === "M") {
      return // the book goes on
    } else if (action === "U") {
      ws_client.close()
    }
  } else {
    unbind()
  }
  console.log(JSON.stringify(told))
})
ws_client.on("close", () => process.exit(0))
setTimeout(() => process.exit(2), 20000)
