/** What an engineer changes in daily work, apart from the resources themselves. */
export const settings = {
  jobTimeoutSeconds: 30,
  greeting: 'Hello from version 1',
};
