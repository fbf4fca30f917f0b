import platform


def handler(event, context):
    """Answers an invocation ({"name": "Ada"}) and a browser (…?name=Ada) alike."""
    query = event.get("queryStringParameters") or {}
    name = event.get("name") or query.get("name") or "world"
    print(f"greeting {name}")
    return {
        "message": f"Hello, {name}!",
        "from": f"Python {platform.python_version()}",
        "requestId": context.aws_request_id,
    }
