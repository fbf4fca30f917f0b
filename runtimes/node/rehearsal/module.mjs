// A function as an ES module, for rehearse.cjs.

export const handler = async (event) => event;
