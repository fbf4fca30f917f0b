"""A function for rehearse.py."""


def handler(event, _context):
    return event
