"""A mail server for the tests: python mail.py PORT [CERTIFICATE KEY].

With a certificate it takes nothing before STARTTLS, and asks for a login. Every mail that comes in
is a line of JSON on standard output. Ends when its standard input does.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

LOGIN = (b"hub", b"geheim-van-de-post")


class Desk:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("weg@"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "id": mail["Message-ID"],
            "subject": mail["Subject"],
            "type": mail.get_content_type(),
            "charset": mail.get_content_charset(),
            "text": mail.get_content(),
            "raw": envelope.content.decode("utf-8", "replace"),
            "tls": session.ssl is not None,
            "authenticated": bool(session.authenticated),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    # Not handled: the server answers for itself, with 535.
    return AuthResult(success=(data.login, data.password) == LOGIN, handled=False)


async def main(port, tls):
    settings = {"hostname": "localhost", "enable_SMTPUTF8": True}
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        settings.update(tls_context=context, require_starttls=True, auth_required=True)
        settings.update(authenticator=authenticate)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Desk(), **settings), "127.0.0.1", port)
    print(json.dumps({"ready": port}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(int(sys.argv[1]), sys.argv[2:4]))
