// Answers an invocation ({"name": "Ada"}) and a browser (…?name=Ada) alike.
export const handler = async (event, context) => {
  const name = event.name ?? event.queryStringParameters?.name ?? "world";
  console.log(`greeting ${name}`);
  return {
    message: `Hello, ${name}!`,
    from: `Node.js ${process.versions.node}`,
    requestId: context.awsRequestId,
  };
};
