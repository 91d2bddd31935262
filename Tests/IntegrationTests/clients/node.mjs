// Echoes with Node's built-in client and prints the close event as JSON.
// Arguments: URL, message, close code.
const [url, message, code] = process.argv.slice(2);
const socket = new WebSocket(url);
let received = null;
socket.onopen = () => socket.send(message);
socket.onmessage = (event) => {
  received = event.data;
  socket.close(Number(code), "from node");
};
socket.onclose = (event) => {
  const { code, reason, wasClean } = event;
  console.log(JSON.stringify({ received, code, reason, wasClean }));
};
