export default {
  allowedDevOrigins: ['127.0.0.1'],
  distDir: 'build',
  turbopack: { root: import.meta.dirname },
};
