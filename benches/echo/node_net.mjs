// An echo server over Node's own net: node_net.mjs ADDRESS
import net from "node:net";

const server = net.createServer((client) => {
  client.on("data", (data) => client.write(data));
  client.on("error", () => client.destroy());
});
server.listen({ path: process.argv[2], backlog: 4096 });
