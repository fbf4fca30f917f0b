"""One INVOKE frame (its layout is in docs/frames.md)."""

try:
    from ._fast import split
except ImportError:
    import _struct

    _FIXED = _struct.Struct("<QHHHHII")  # deadline; sizes of request id, ARN, trace id, tenant id, client context, identity
    _unpack = _FIXED.unpack_from

    def split(buffer, begin, end):
        if end - begin < _FIXED.size:
            raise RuntimeError("Virga sent an INVOKE frame whose sizes exceed its body.")
        deadline, request_id, arn, trace, tenant, context, identity = _unpack(buffer, begin)
        at = begin + _FIXED.size
        middle = at + request_id + arn + trace + tenant
        payload = middle + context + identity
        if payload > end:
            raise RuntimeError("Virga sent an INVOKE frame whose sizes exceed its body.")
        ids = buffer[at:middle].decode("latin-1")
        arn += request_id
        trace += arn
        return (
            deadline,
            ids[:request_id],
            ids[request_id:arn],
            ids[arn:trace],
            ids[trace:] if tenant else None,
            buffer[middle:middle + context].decode() if context else None,
            buffer[middle + context:payload].decode() if identity else None,
            payload,
        )


class Invocation:
    """The event is the JSON text in buffer[payload:end] until the next frame is read."""

    __slots__ = ("number", "deadline", "request_id", "arn", "trace_id", "tenant_id", "client_context", "identity", "payload", "end")

    def __init__(self, number, buffer, begin, end):
        self.number = number
        self.end = end
        (self.deadline, self.request_id, self.arn, self.trace_id, self.tenant_id, self.client_context, self.identity,
         self.payload) = split(buffer, begin, end)
