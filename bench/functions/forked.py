import os
import time

# What libraries and tables make before the first call: small objects, some 440 bytes each.
HEAP = [{f"key-{number}": [number, str(number)]} for number in range(int(os.environ["ENTRIES"]))]


def handler(event, context):
    # A call that is held keeps its instance busy, so that the next one needs another.
    time.sleep(float((event.get("queryStringParameters") or {}).get("hold", 0)))
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "hello"}
