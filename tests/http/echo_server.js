// Node's parser (llhttp) as a peer of the differential test: prints its port, then a line "METHOD BODY_BYTES TARGET" for
// each request.
const http = require('node:http');

const server = http.createServer((request, response) => {
  let size = 0;
  request.on('data', (piece) => { size += piece.length; });
  request.on('end', () => {
    process.stdout.write(`${request.method} ${size} ${request.url}\n`);
    response.end('seen\n');
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
