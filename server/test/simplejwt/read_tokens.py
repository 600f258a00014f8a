"""How services in Python read tokens: PyJWT, and djangorestframework-simplejwt with nothing but its settings.

Reads {"settings": SIMPLE_JWT, "tokens": {name: token}} from standard input and writes, for each name, what each reader
made of the token: the user's id, or null when it refused.
"""

import json
import sys

import django
import jwt
from django.conf import settings

order = json.load(sys.stdin)
simple_jwt = order["settings"]

settings.configure(
    SECRET_KEY="unused: this service signs nothing",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    SIMPLE_JWT=simple_jwt,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)
django.setup()

from django.test import RequestFactory  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.exceptions import TokenError  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402


class WhoAmI(APIView):
    def get(self, request):
        return Response(request.user.id)


def by_pyjwt(token):
    try:
        key = jwt.PyJWKClient(simple_jwt["JWK_URL"]).get_signing_key_from_jwt(token).key
        claims = jwt.decode(
            token,
            key,
            algorithms=[simple_jwt["ALGORITHM"]],
            audience=simple_jwt["AUDIENCE"],
            issuer=simple_jwt["ISSUER"],
            options={"require": ["exp", "iat", "sub", "jti"]},
        )
    except jwt.PyJWTError:
        return None
    return claims["sub"]


def by_access_token(token):
    try:
        return AccessToken(token)["user_id"]
    except TokenError:
        return None


def by_request(token):
    request = RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")
    response = WhoAmI.as_view()(request)
    if response.status_code == 200:
        return response.data
    assert response.status_code == 401, response.status_code
    return None


readers = {"pyjwt": by_pyjwt, "access_token": by_access_token, "request": by_request}
verdicts = {
    name: {reader: read(token) for reader, read in readers.items()}
    for name, token in order["tokens"].items()
}
json.dump(verdicts, sys.stdout)
