export default {
  fetch() {
    return new Response("hello", { headers: { "content-type": "text/plain" } });
  },
};
