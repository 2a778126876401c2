/** Answers with the greeting that the stack was deployed with. */
export async function handler() {
  return { statusCode: 200, body: process.env.GREETING };
}
