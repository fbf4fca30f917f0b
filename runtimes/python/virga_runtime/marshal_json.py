"""Events from JSON and results to JSON, through the C halves of `json` without its per-call set-up."""

import json
import json.encoder

from .errors import Fault

_scan = json.JSONDecoder().scan_once


def parse(text):
    """The event in `text`; an empty text is an empty event."""
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    except ValueError:
        pass
    if not text:
        return {}
    try:
        return json.loads(text)  # white space around the value, or the proper words for what is wrong with it
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


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
    """A function from a result to the bytes of its JSON; raises Fault. Not for two threads at once."""
    slow = json.JSONEncoder(ensure_ascii=ensure_ascii, default=_default).encode
    make, text_encoder = json.encoder.c_make_encoder, json.encoder.c_encode_basestring
    if ensure_ascii:
        text_encoder = json.encoder.c_encode_basestring_ascii
    seen = {}  # the containers that are being written, to find circles
    chunks = make(seen, _default, text_encoder, None, ": ", ", ", False, False, True) if make and text_encoder else None

    def encode(value):
        try:
            if chunks is None or type(value) is not dict and type(value) is not list:
                return slow(value).encode()
            return "".join(chunks(value, 0)).encode()
        except Exception as error:
            seen.clear()
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None

    return encode
