// Echo and broadcast with the package ws, as its documentation would have it: ws_server.js PORT
const { WebSocketServer } = require("/usr/share/nodejs/ws");

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 1024,
  perMessageDeflate: false,
});
const members = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/echo") {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    return;
  }
  members.add(socket);
  socket.on("close", () => members.delete(socket));
  socket.on("message", (data, isBinary) => {
    for (const member of members) {
      if (member !== socket) member.send(data, { binary: isBinary });
    }
  });
});
