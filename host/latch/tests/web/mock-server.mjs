// A mock server as other people's tests use it: it asks nobody and grants at once.

import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

import { authentication, serve } from './serve.mjs';

await serve(async (url, saw) => {
  const issuer = new OAuth2Issuer();
  issuer.url = url;
  await issuer.keys.generate('RS256');
  const service = new OAuth2Service(issuer);
  service.on('beforeAuthorizeRedirect', (_, request) => {
    saw({ route: 'authorization', ...request.query });
  });
  service.on('beforeResponse', ({ statusCode }, { headers, body }) => {
    const { grant_type, code_verifier } = body;
    saw({
      route: 'token',
      status: statusCode,
      grant_type,
      code_verifier,
      authentication: authentication(headers, body),
    });
  });
  service.on('beforeUserinfo', () => saw({ route: 'userinfo' }));
  service.on('beforeRevoke', () => saw({ route: 'revocation' }));
  return service.requestHandler;
});
