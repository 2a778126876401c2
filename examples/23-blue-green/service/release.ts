export const release = 'v1.4.0';
