"""A partner that was written by somebody else: pika, and nothing of Schakel.

Reads one JSON object per line on standard input and answers each with one on standard output.
What the broker refuses is an answer like any other, with the code of the refusal.
"""

import base64
import json
import sys
import time

import pika
from pika import exceptions


class Partner:
    def __init__(self, url):
        self.url = url
        self.connection = None

    def channel(self):
        if self.connection is None or not self.connection.is_open:
            self.connection = pika.BlockingConnection(pika.URLParameters(self.url))
        return self.connection.channel()

    def publish(self, ask):
        channel = self.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(
            content_type=ask.get("content_type"),
            message_id=ask.get("message_id"),
            user_id=ask.get("user_id"),
            delivery_mode=2,
        )
        body = base64.b64decode(ask["body"])
        channel.basic_publish(
            ask["exchange"], ask.get("key", ""), body, properties=properties, mandatory=True
        )
        channel.close()
        return {}

    def collect(self, ask):
        """Takes messages until there are enough of them, or the patience is over."""
        channel = self.channel()
        taken = []
        end = time.monotonic() + ask["seconds"]
        while len(taken) < ask["count"] and time.monotonic() < end:
            method, properties, body = channel.basic_get(ask["queue"])
            if method is None:
                time.sleep(0.02)
                continue
            channel.basic_ack(method.delivery_tag)
            taken.append(
                {
                    "id": properties.message_id,
                    "type": properties.type,
                    "about": properties.correlation_id,
                    "content_type": properties.content_type,
                    "user_id": properties.user_id,
                    "expiration": properties.expiration,
                    "persistent": properties.delivery_mode == 2,
                    "headers": {k: str(v) for k, v in (properties.headers or {}).items()},
                    "redelivered": method.redelivered,
                    "body": base64.b64encode(body).decode(),
                }
            )
        channel.close()
        return {"messages": taken}

    def attempt(self, ask):
        channel = self.channel()
        name, exchange = ask.get("queue"), ask.get("exchange")
        what = ask["what"]
        if what == "get":
            channel.basic_get(name)
        elif what == "consume":
            channel.basic_consume(name, lambda *_: None)
        elif what == "declare":
            channel.queue_declare(name, durable=True)
        elif what == "look":
            found = channel.queue_declare(name, passive=True).method
            return {"messages": found.message_count, "consumers": found.consumer_count}
        elif what == "declare-exchange":
            channel.exchange_declare(exchange, exchange_type="fanout", durable=True)
        elif what == "bind":
            channel.queue_bind(name, exchange, routing_key="#")
        elif what == "bind-exchange":
            channel.exchange_bind(name, exchange)
        elif what == "unbind":
            channel.queue_unbind(name, exchange, routing_key=ask.get("key", ""))
        elif what == "reject":
            method, _, _ = channel.basic_get(name)
            channel.basic_reject(method.delivery_tag, requeue=False)
        elif what == "purge":
            channel.queue_purge(name)
        elif what == "delete":
            channel.queue_delete(name)
        elif what == "delete-exchange":
            channel.exchange_delete(exchange)
        else:
            raise ValueError(what)
        channel.close()
        return {}


def answer(partner, ask):
    try:
        return {"ok": True, **getattr(partner, ask["do"])(ask)}
    except (exceptions.ChannelClosedByBroker, exceptions.ConnectionClosedByBroker) as error:
        return {"ok": False, "code": error.reply_code, "text": error.reply_text}
    except exceptions.ProbableAuthenticationError:
        return {"ok": False, "code": 403, "text": "login refused"}
    except exceptions.ProbableAccessDeniedError:
        return {"ok": False, "code": 403, "text": "access to the vhost refused"}
    except exceptions.UnroutableError:
        return {"ok": False, "code": 312, "text": "unroutable"}
    except exceptions.NackError:
        return {"ok": False, "code": 320, "text": "nacked"}
    except exceptions.AMQPError as error:
        return {"ok": False, "code": 0, "text": repr(error)}


def main():
    partner = Partner(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(partner, json.loads(line))), flush=True)


main()
