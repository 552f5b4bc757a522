"""What a careful program does without a queue: one httpx2 client whose connection is kept, and a signature per post.

Each line on stdin is `<url> <count> <octets of a body>`; answered with one line of JSON when all were answered 200.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import sys
import time
from uuid import uuid4

import httpx2


def main() -> None:
    client = httpx2.Client(verify=ssl.create_default_context(), timeout=15)  # SSL_CERT_FILE says whom to believe
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        url, count, octets = line.split()
        client.get(url)  # the connection is there before the clock runs, as ours is
        begun, cpu = time.monotonic(), time.process_time()
        for _ in range(int(count)):
            post(client, url, int(octets))
        told = {"seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu}
        print(json.dumps(told), flush=True)


def post(client: httpx2.Client, url: str, octets: int) -> None:
    body = json.dumps({"id": str(uuid4()), "data": "x" * (octets - 60)}).encode()
    signature = hmac.digest(b"secret", body, hashlib.sha256).hex()
    headers = {"Content-Type": "application/json", "X-Signature": signature, "webhook-id": str(uuid4())}
    answer = client.post(url, content=body, headers=headers)
    assert answer.status_code == 200


if __name__ == "__main__":
    main()
