"""Events from JSON and results to JSON: the plain cases by `_fast`; all others, or all where that module was not built, by `json`."""

import json

from .errors import Fault

try:
    from . import _fast
except ImportError:
    _fast = None


def parse(text):
    """The event in `text`; an empty text is an empty event."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _decode_and_parse(buffer, begin, end, otherwise):
    return otherwise(buffer[begin:end].decode("utf-8", "surrogateescape"))


# The event whose text is buffer[begin:end]; the last argument is `parse`.
parse_range = _fast.parse if _fast else _decode_and_parse


def parse_header(text, name):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None


def _default(value):
    import decimal

    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def make_encoder(ensure_ascii):
    """A function from a result to the bytes of its JSON; raises Fault."""
    encode_text = json.JSONEncoder(ensure_ascii=ensure_ascii, default=_default).encode

    def encode(value):
        try:
            return encode_text(value).encode()
        except Exception as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None

    if _fast is None:
        return encode
    encode_plain = _fast.encode
    return lambda value: encode_plain(value, ensure_ascii, encode)
