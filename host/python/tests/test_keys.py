"""What a client proves and reads with its keys and assertions, at the certified provider.

Python's standard library has no public keys, so Node signs and decrypts, as a service would.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time

import pytest

from latchstring import Client, LatchError, Settings, login, token
from latchstring.contract import AssertionRequest, ClientKey, GrantType, SigningRequest

from .conftest import PATIENCE, VISITOR, WEB, Home, Server, Silence, oidc_provider

KEY = """
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compactDecrypt, importJWK } from 'jose';
const [kid, what] = process.argv.slice(1);
const key = JSON.parse(readFileSync('client-keys.json')).keys.find((key) => key.kid === kid);
const input = readFileSync(0);
if (what === 'sign') {
  const form = { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  process.stdout.write(sign('sha256', input, form));
} else {
  const { plaintext } = await compactDecrypt(input, await importJWK(key, 'ECDH-ES+A128KW'));
  process.stdout.write(plaintext);
}
"""


def with_key(name: str, what: str, given: bytes) -> bytes:
    words = ["node", "--input-type=module", "-e", KEY, name, what]
    run = subprocess.run(
        words, cwd=WEB, input=given, capture_output=True, timeout=PATIENCE, check=True
    )
    return run.stdout


def test_a_client_signs_with_its_key(home: Home, oidc: Server) -> None:
    client = Client(
        issuer=oidc.issuer,
        client_id="es256",
        grant=GrantType("client-credentials"),
        scopes=["deploy"],
        key=ClientKey(algorithm="es256"),
    )
    settings = Settings(state_folder=home.state, terminal=Silence())
    with pytest.raises(LatchError, match="nothing signs for it"):
        token(client, settings)

    def sign(request: SigningRequest) -> bytes:
        assert request.key == "client"
        return with_key("es256", "sign", request.input)

    signing = Settings(state_folder=home.state, terminal=Silence(), sign=sign)
    first = token(client, signing)
    assert token(client, settings).access_token == first.access_token
    assert [seen["authentication"] for seen in oidc.asked("token")] == ["client_assertion"]


def test_a_client_presents_what_another_issuer_says(home: Home, oidc: Server) -> None:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    def assertion(request: AssertionRequest) -> str:
        assert (request.purpose, request.scopes) == ("subject", ("deploy",))
        expiry = time.time() + 300
        claims = {"iss": "https://ci.example", "sub": "job", "aud": request.audience}
        signed = f"{part({'alg': 'ES256', 'kid': 'ci'})}.{part({**claims, 'exp': expiry})}"
        signature = with_key("ci", "sign", signed.encode())
        return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    client = Client(
        issuer=oidc.issuer, client_id="job", grant=GrantType("jwt-bearer"), scopes=["deploy"]
    )
    settings = Settings(state_folder=home.state, terminal=Silence(), assertion=assertion)
    assert token(client, settings).access_token


def test_a_client_reads_what_is_encrypted_for_it(home: Home) -> None:
    features = {"encryption": {"enabled": True}, "jwtUserinfo": {"enabled": True}}
    server = oidc_provider("3600", "600", json.dumps(features))
    try:
        client = Client(
            issuer=server.issuer, client_id="ECDH-ES+A128KW", scopes=["openid"], decrypts=True
        )
        settings = Settings(
            state_folder=home.state,
            terminal=Silence(),
            browser=VISITOR,
            flow="browser",
            decrypt=lambda text: with_key("enc", "decrypt", text.encode()).decode(),
        )
        claims = login(client, settings).claims
        assert claims is not None and "sub" in claims
    finally:
        server.stop()
