import time


def handler(event, context):
    return time.time_ns()
