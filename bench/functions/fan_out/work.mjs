// The work that the function and the bare server do for a call: ask three back ends at once, build JSON of what they say.
import { spawn } from "node:child_process";
import { Agent, get } from "node:http";

const agent = new Agent({ keepAlive: true });
const names = ["price", "stock", "review"];

// Starts the back ends, which end with this process; resolves to their port.
export function startBackEnds(program) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the back ends ended with ${code}`)));
    child.stdout.once("data", (line) => {
      // What waits for them is a call, not the process.
      for (const part of [child, child.stdin, child.stdout]) part.unref();
      resolve(Number(line));
    });
  });
}

function ask(port, name) {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path: `/${name}`, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (text += piece));
      response.on("end", () => resolve(JSON.parse(text)));
      response.on("error", reject);
    }).on("error", reject);
  });
}

export async function work(port) {
  const [price, stock, review] = await Promise.all(names.map((name) => ask(port, name)));
  return JSON.stringify({ item: 42, price, stock, review, total: price.value + stock.value + review.value });
}
