"""The AWS Lambda handler signature, `handler(event, context)`: its context object."""

import time

from .marshal_json import parse_header


class _Record:
    """An object whose fields come from a JSON object; those it lacks are None."""

    __slots__ = ()

    def __init__(self, fields):
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self):
        return f"{type(self).__name__}([{','.join(f'{name}={getattr(self, name)}' for name in self.__slots__)}])"


class CognitoIdentity(_Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Record):
    __slots__ = ("custom", "env", "client")


_NOBODY = CognitoIdentity({})


class LambdaContext:
    def __init__(self, invocation):
        self.aws_request_id = invocation.request_id
        self.log_group_name = bound.log_group_name
        self.log_stream_name = bound.log_stream_name
        self.function_name = bound.function_name
        self.memory_limit_in_mb = bound.memory_limit_in_mb
        self.function_version = bound.function_version
        self.invoked_function_arn = invocation.arn
        self.tenant_id = invocation.tenant_id
        self.client_context = _client_context(invocation.client_context) if invocation.client_context else None
        self.identity = _identity(invocation.identity) if invocation.identity else _NOBODY
        self._epoch_deadline_time_in_ms = invocation.deadline

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message):
        bound.log.send(str(message))

    def __repr__(self):
        names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb", "function_version",
                 "invoked_function_arn", "client_context", "identity", "tenant_id")
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


class Bound:
    """What all contexts of this process share."""


bound = Bound()


def prepare(bind, log):
    bound.function_name = bind["function_name"]
    bound.function_version = bind["function_version"]
    bound.memory_limit_in_mb = str(bind["memory_mb"])
    bound.log_group_name = bind["log_group"]
    bound.log_stream_name = bind["log_stream"]
    bound.log = log


def _client_context(text):
    context = ClientContext(parse_header(text, "Client Context"))
    if context.client is not None:
        context.client = Client(context.client)
    return context


def _identity(text):
    fields = parse_header(text, "Cognito Identity")
    return CognitoIdentity({
        "cognito_identity_id": fields.get("cognitoIdentityId"),
        "cognito_identity_pool_id": fields.get("cognitoIdentityPoolId"),
    })
