// The work of functions/fan_out in a bare node:http server: node_fan_out.mjs PORT BACKEND
import { createServer } from "node:http";
import { startBackEnds, work } from "../functions/fan_out/work.mjs";

const backEnds = await startBackEnds(process.argv[3]);
const server = createServer(async (request, response) => {
  try {
    const body = await work(backEnds);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    response.end(body);
  } catch (error) {
    response.writeHead(500, { "content-type": "text/plain" });
    response.end(String(error));
  }
});
server.keepAliveTimeout = 0; // idle connections of the other side's rounds stay open
server.listen(Number(process.argv[2]), "127.0.0.1");
