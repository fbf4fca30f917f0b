"""logging as JSON records, field by field as AWS Lambda's Python runtime writes them."""

import json
import logging
import traceback

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"aws_request_id", "tenant_id", "message", "asctime"}
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class JsonFormatter(logging.Formatter):
    def __init__(self):
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")

    def format(self, record):
        error_type, error, trace = record.exc_info or (None, None, None)
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if error_type else None,
            "errorType": error_type.__name__ if error_type else None,
            "errorMessage": str(error) if error_type else None,
            "requestId": record.aws_request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if error_type else None,
            "tenantId": record.tenant_id,
        }
        extra = {key: value for key, value in record.__dict__.items() if key not in _OWN and key not in fields}
        return _encode({key: value for key, value in {**fields, **extra}.items() if value is not None})
