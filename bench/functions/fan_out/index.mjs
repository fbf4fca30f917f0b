import { fileURLToPath } from "node:url";
import { startBackEnds, work } from "./work.mjs";

const port = await startBackEnds(fileURLToPath(new URL("./backend", import.meta.url)));

export const handler = async () => ({
  statusCode: 200,
  headers: { "content-type": "application/json" },
  body: await work(port),
});
