// Bare node:http, the least a Node program does to answer a request.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  response.writeHead(200, { "content-type": "text/plain", "content-length": 5 });
  response.end("hello");
});
server.keepAliveTimeout = 0; // idle connections of the other side's rounds stay open
server.listen(Number(process.argv[2]), "127.0.0.1");
