import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { createHmac, timingSafeEqual } from "node:crypto";

const events = new EventBridgeClient(); // address and key are in the environment
const lifetime = 24 * 3600; // seconds that a link is good for

const answer = (statusCode, message) => ({ statusCode, body: JSON.stringify({ message }) });
const sign = (text) => createHmac("sha256", process.env.SECRET).update(text).digest();
const now = () => Math.floor(Date.now() / 1000);

// Everything that is needed to check it stands in the link, so nothing has to be kept.
const tokenFor = (email) => {
  const claim = Buffer.from(JSON.stringify({ email, until: now() + lifetime }));
  return `${claim.toString("base64url")}.${sign(claim).toString("base64url")}`;
};

const emailOf = (token) => {
  const [claim, signature] = token.split(".").map((part) => Buffer.from(part, "base64url"));
  const right = claim && sign(claim);
  if (!right || signature?.length !== right.length || !timingSafeEqual(signature, right)) return null;
  const { email, until } = JSON.parse(claim);
  return until > now() ? email : null;
};

const signUp = async (event) => {
  const body = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  const email = new URLSearchParams(body ?? "").get("email") ?? "";
  if (!/^[^@\s]+@[^@\s]+$/.test(email)) return answer(400, "Send the field email with an address in it.");
  const link = `http://${event.headers.host}/fn/register/?token=${tokenFor(email)}`;
  const Detail = JSON.stringify({ email, link });
  // When this returns, the event is on the disk, and with it the call of whoever has to do with it.
  await events.send(new PutEventsCommand({ Entries: [{ Source: "shop", DetailType: "signed up", Detail }] }));
  return answer(202, `A mail is on its way to ${email}.`);
};

export const handler = async (event) => {
  const token = event.queryStringParameters?.token;
  if (token === undefined) return signUp(event);
  const email = emailOf(token);
  return email ? answer(200, `${email} is verified.`) : answer(403, "This link is not good, or not any more.");
};
